//! A worker with the tasks of [`e2e::unruly`] in place of the service's own, for tests.

use bare_queue::Worker;
use e2e::unruly;
use worker::Settings;

fn main() {
    let settings: Settings = dockerflow::settings::load();
    dockerflow::Process::new("worker", &settings.process.log).run(work(&settings))
}

async fn work(settings: &Settings) -> anyhow::Result<()> {
    let db = db::connect(&settings.database, "worker").await?;
    let worker = Worker::builder(db, worker::version())
        .tasks(unruly::tasks(), ())
        .schedules(unruly::schedules()?)
        .start(&settings.queue, &settings.process, &settings.database)
        .await?;
    worker.run_until(dockerflow::shutdown::requested()).await
}
