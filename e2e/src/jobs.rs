//! A worker that runs the jobs of a test.

use bare_queue::{Schedules, Worker, entities::finished_job, testing::RunningWorker};
use bare_testkit::settings;
use sea_orm::{DatabaseConnection, EntityTrait};
use worker::{Registry, Resources};

use crate::database::TestDatabase;

/// Runs all due jobs of a database with a worker of the given tasks and settings.
pub async fn run_pending_jobs(
    database: &TestDatabase,
    tasks: Registry,
    variables: &[(&str, &str)],
) {
    let worker = start_worker(database, tasks, variables).await;
    worker.run_pending_jobs(&database.db).await;
    worker.stop().await;
}

/// Starts a worker of the given tasks and settings, without schedules.
pub async fn start_worker(
    database: &TestDatabase,
    tasks: Registry,
    variables: &[(&str, &str)],
) -> RunningWorker {
    let mut all = vec![("DATABASE_URL", database.url())];
    all.extend(variables);
    let settings: worker::Settings = settings("worker", &all);
    let resources = Resources::build(&settings, database.db.clone()).expect("the resources");
    let worker = Worker::builder(database.db.clone(), worker::version())
        .tasks(tasks, resources)
        .schedules(Schedules::new())
        .checks(migration::SCHEMA.checks(&database.db))
        .without_pruning()
        .start(&settings.queue, &settings.process, &settings.database)
        .await;
    RunningWorker::spawn(worker.expect("the worker starts"))
}

/// The only finished job of a database.
pub async fn the_finished_job(db: &DatabaseConnection) -> finished_job::Model {
    let jobs = finished_job::Entity::find()
        .all(db)
        .await
        .expect("the finished jobs");
    <[_; 1]>::try_from(jobs)
        .map(|[job]| job)
        .expect("one finished job")
}
