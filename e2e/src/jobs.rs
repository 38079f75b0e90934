//! Jobs in a test: a worker that runs them, and the time that they wait for.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use bare_testkit::settings;
use db::{
    entities::{finished_job, job},
    jobs::JobStore,
};
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, PaginatorTrait, QueryFilter};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use worker::{
    Worker,
    queue::{Registry, Schedules},
};

use crate::database::TestDatabase;

/// How long pending jobs may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs all due jobs of a database with a worker of the given tasks and settings.
pub async fn run_pending_jobs(
    database: &TestDatabase,
    tasks: Registry,
    variables: &[(&str, &str)],
) {
    let worker = start_worker(database, tasks, variables).await;
    let start = Instant::now();
    while pending(&database.db).await > 0 {
        assert!(start.elapsed() < PATIENCE, "jobs are still pending");
        // Nobody tells when a table is empty.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    worker.stop().await;
}

/// A worker that runs in the test.
pub struct RunningWorker {
    address: Option<SocketAddr>,
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl RunningWorker {
    /// Where its own endpoints are, if it has any.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Stops it as SIGTERM would, and waits for its end.
    pub async fn stop(self) {
        self.stop.cancel();
        self.task
            .await
            .expect("the worker did not panic")
            .expect("the worker ended well");
    }
}

/// Starts a worker of the given tasks and settings, without schedules.
pub async fn start_worker(
    database: &TestDatabase,
    tasks: Registry,
    variables: &[(&str, &str)],
) -> RunningWorker {
    start_scheduled_worker(database, tasks, Schedules::new(), variables).await
}

/// Starts a worker of the given tasks, schedules and settings.
pub async fn start_scheduled_worker(
    database: &TestDatabase,
    tasks: Registry,
    schedules: Schedules,
    variables: &[(&str, &str)],
) -> RunningWorker {
    let mut all = vec![("DATABASE_URL", database.url())];
    all.extend(variables);
    let settings: worker::Settings = settings("worker", &all);
    let worker = Worker::with_tasks(&settings, database.db.clone(), tasks, schedules).await;
    let worker = worker.expect("the worker starts");
    let address = worker.address();
    let stop = CancellationToken::new();
    let stopped = stop.clone().cancelled_owned();
    let task = tokio::spawn(worker.run_until(stopped));
    RunningWorker {
        address,
        stop,
        task,
    }
}

/// Lets `time` pass for the jobs of a database that wait for their hour.
pub async fn pass(db: &DatabaseConnection, time: Duration) {
    let then = chrono::Utc::now() + time;
    JobStore::new(db.clone())
        .at(then)
        .promote(u64::MAX >> 1)
        .await
        .expect("a promotion");
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

async fn pending(db: &DatabaseConnection) -> u64 {
    let is_pending = job::Column::State.ne(job::State::Scheduled);
    job::Entity::find()
        .filter(is_pending)
        .count(db)
        .await
        .expect("a count")
}
