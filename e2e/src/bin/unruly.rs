//! A worker with the tasks of [`e2e::unruly`] in place of the service's own, for tests.

use e2e::unruly;
use worker::{Settings, Worker};

fn main() {
    let settings: Settings = dockerflow::settings::load();
    dockerflow::Process::new("worker", &settings.log).run(work(&settings))
}

async fn work(settings: &Settings) -> anyhow::Result<()> {
    let db = db::connect(&settings.database, "worker").await?;
    let (tasks, schedules) = (unruly::tasks(), unruly::schedules()?);
    let worker = Worker::with_tasks(settings, db, tasks, schedules).await?;
    worker.run_until(dockerflow::shutdown::requested()).await
}
