//! For tests: each step of a job separately, and a worker that runs in the test's process.

#![allow(clippy::expect_used, reason = "a panic fails the test")]

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use bare_database::migrate::Schema;
use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, DatabaseConnection, EntityTrait, PaginatorTrait, QueryFilter, prelude::Json,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{JobState, NewJob, Schedules, Worker, entities::job, migrations};
pub use crate::{
    store::{
        AttemptError, Cancelled, ClaimCursor, ClaimedJob, Clock, DEATHS_ALLOWED, ERROR_LIMIT,
        ERRORS_KEPT, Filter, Health, Heartbeat, JobDetail, JobStore, Lease, Leases, NOTIFY_CHANNEL,
        OperateError, Outcome, PAYLOAD_LIMIT, QueueStats, Report, Rescued, Verdict, append_error,
        heartbeat_interval,
    },
    task::default_backoff,
};

/// The queue's tables only.
pub const SCHEMA: Schema = Schema::new(&[migrations::all]);

/// How long pending jobs may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A worker that runs in the test.
#[derive(Debug)]
pub struct RunningWorker {
    address: Option<SocketAddr>,
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl RunningWorker {
    /// Starts a worker.
    pub fn spawn(worker: Worker) -> Self {
        let stop = CancellationToken::new();
        Self {
            address: worker.address(),
            task: tokio::spawn(worker.run_until(stop.clone().cancelled_owned())),
            stop,
        }
    }

    /// The address of its endpoints, if it has any.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Waits until no job of `db` is due or running.
    pub async fn run_pending_jobs(&self, db: &DatabaseConnection) {
        let start = Instant::now();
        while pending(db).await > 0 {
            assert!(start.elapsed() < PATIENCE, "jobs are still pending");
            // Nothing signals that a table is empty.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Stops it as SIGTERM would, and waits until it has ended.
    pub async fn stop(self) {
        self.stop.cancel();
        let end = self.task.await.expect("the worker did not panic");
        end.expect("the worker ended well");
    }
}

/// The texts of a job's `errors`.
pub fn reasons(errors: Option<&Json>) -> Vec<String> {
    let errors = errors.map(|errors| serde_json::from_value(errors.clone()).expect("errors"));
    let errors: Vec<AttemptError> = errors.unwrap_or_default();
    errors.into_iter().map(|error| error.error).collect()
}

/// Makes the scheduled jobs available that are due within `time`, as if that time had passed.
pub async fn pass(db: &DatabaseConnection, time: Duration) {
    let then = Utc::now() + time;
    let store = JobStore::new(db.clone()).at(then);
    store.promote(u64::MAX >> 1).await.expect("a promotion");
}

/// When a schedule fires next after a time, and the job that it enqueues then.
pub fn next_tick(
    schedules: &Schedules,
    name: &str,
    after: DateTime<Utc>,
) -> (DateTime<Utc>, NewJob) {
    let tick = schedules.next_tick(name, after);
    tick.expect("a schedule of this name, which fires again")
}

async fn pending(db: &DatabaseConnection) -> u64 {
    let is_pending = job::Column::State.ne(JobState::Scheduled);
    let jobs = job::Entity::find().filter(is_pending).count(db);
    jobs.await.expect("a count")
}
