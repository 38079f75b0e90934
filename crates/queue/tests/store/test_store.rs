//! A job store with a database for one test, a clock that only the test moves, and short names for
//! what most tests begin with.

use std::time::Duration;

use bare_queue::{
    Metadata, NewJob, Task,
    entities::{finished_job, job},
    testing::{ClaimedJob, JobStore, Outcome, Report, SCHEMA},
};
use bare_testkit::{Backend, TestDatabase};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use sea_orm::{DatabaseConnection, EntityTrait, PaginatorTrait};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The lease of a worker in these tests.
pub(crate) const LEASE: Duration = Duration::from_mins(1);

/// A task whose payload is any text.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Note(pub(crate) String);

impl Task for Note {
    const KIND: &'static str = "note";
}

/// A job whose payload does not matter.
pub(crate) fn note() -> NewJob {
    Note("of no interest".to_owned()).job()
}

/// Metadata with a value in each field.
pub(crate) fn metadata() -> Metadata {
    let metadata = json!({
        "request_id": "a-request",
        "traceparent": "00-a-trace-01",
        "baggage": "key=value",
        "enqueued_by": "1.2.3",
    });
    serde_json::from_value(metadata).unwrap()
}

/// A report of a claimed job, under the lease of that claim.
pub(crate) fn report(job: &ClaimedJob, outcome: Outcome) -> Report {
    Report {
        job_id: job.id,
        lease_number: job.lease_number,
        outcome,
        errors: None,
    }
}

pub(crate) fn ids(jobs: &[ClaimedJob]) -> Vec<Uuid> {
    jobs.iter().map(|job| job.id).collect()
}

pub(crate) struct TestStore {
    pub(crate) database: TestDatabase,
    start: DateTime<Utc>,
}

impl TestStore {
    /// `None` if there is no PostgreSQL for this test.
    pub(crate) async fn open(backend: Backend) -> Option<Self> {
        let database = TestDatabase::with_schema(backend, SCHEMA).await?;
        // To the millisecond, so that both databases return the same time.
        let start = Utc::now().trunc_subsecs(3);
        Some(Self { database, start })
    }

    pub(crate) fn db(&self) -> &DatabaseConnection {
        &self.database.db
    }

    /// The time this many seconds after the start of the test.
    pub(crate) fn time(&self, seconds: i64) -> DateTime<Utc> {
        self.start + TimeDelta::seconds(seconds)
    }

    /// The store at that time.
    pub(crate) fn at(&self, seconds: i64) -> JobStore {
        JobStore::new(self.db().clone()).at(self.time(seconds))
    }

    /// The store at that time in another process, with separate connections.
    pub(crate) async fn elsewhere_at(&self, seconds: i64) -> JobStore {
        JobStore::new(self.database.connect_again().await).at(self.time(seconds))
    }

    pub(crate) async fn enqueue(&self, job: NewJob) -> Uuid {
        job.enqueue(self.db()).await.unwrap().id
    }

    /// Enqueues this many jobs, one after the other.
    pub(crate) async fn enqueue_notes(&self, number: usize) -> Vec<Uuid> {
        let mut ids = Vec::new();
        for _ in 0..number {
            ids.push(self.enqueue(note()).await);
        }
        ids
    }

    /// A worker that registered at the start, for one [`LEASE`].
    pub(crate) async fn worker(&self) -> Uuid {
        self.worker_at(0).await
    }

    pub(crate) async fn worker_at(&self, seconds: i64) -> Uuid {
        let id = Uuid::new_v4();
        let store = self.at(seconds);
        let registered = store.register_worker(id, "host", "default:10", LEASE);
        registered.await.unwrap();
        id
    }

    /// The first `limit` jobs of the default queue, claimed by `worker` at the start.
    pub(crate) async fn claim(&self, worker: Uuid, limit: u64) -> Vec<ClaimedJob> {
        let claimed = self.at(0).claim(worker, "default", limit).await;
        claimed.unwrap()
    }

    /// A job that a worker claimed at the start.
    pub(crate) async fn claimed(&self) -> ClaimedJob {
        self.claimed_notes(1).await.remove(0)
    }

    /// Jobs that a worker claimed at the start.
    pub(crate) async fn claimed_notes(&self, number: usize) -> Vec<ClaimedJob> {
        self.enqueue_notes(number).await;
        let claimed = self.claim(self.worker().await, u64::MAX).await;
        assert_eq!(claimed.len(), number);
        claimed
    }

    /// An unfinished job.
    pub(crate) async fn job(&self, id: Uuid) -> job::Model {
        let job = job::Entity::find_by_id(id).one(self.db()).await.unwrap();
        job.expect("an unfinished job")
    }

    /// A finished job, which is no longer among the unfinished ones.
    pub(crate) async fn finished(&self, id: Uuid) -> finished_job::Model {
        let left = job::Entity::find_by_id(id).one(self.db()).await.unwrap();
        assert_eq!(left, None);
        let finished = finished_job::Entity::find_by_id(id).one(self.db()).await;
        finished.unwrap().expect("a finished job")
    }

    /// How many jobs are not finished.
    pub(crate) async fn count(&self) -> u64 {
        job::Entity::find().count(self.db()).await.unwrap()
    }

    pub(crate) async fn count_finished(&self) -> u64 {
        finished_job::Entity::find().count(self.db()).await.unwrap()
    }
}
