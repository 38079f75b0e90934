//! A queue under test: a database of its own, tasks whose code a test writes on the spot, and what
//! a test waits for.

use std::time::Duration;

use ::worker::queue::{JobContext, Registry, TaskError};
use db::{
    entities::{finished_job, job, worker},
    jobs::{AttemptError, NewJob, Task},
};
use e2e::{Backend, RunningWorker, TestDatabase};
use sea_orm::{DatabaseConnection, EntityTrait, prelude::Json};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Far more than anything here takes, so that what never happens fails a test instead of hanging
/// it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A task whose code a test gives.
#[derive(Debug, Serialize, Deserialize)]
pub struct Work(pub u32);

impl Task for Work {
    const KIND: &'static str = "work";
}

/// The code of [`Work`].
pub fn tasks<F, Fut>(code: F) -> Registry
where
    F: Fn(Work, JobContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), TaskError>> + Send + 'static,
{
    Registry::new().task(move |work: Work, job: &JobContext| code(work, job.clone()))
}

pub struct Queue {
    pub database: TestDatabase,
}

impl Queue {
    /// `None` where there is no PostgreSQL for this test.
    pub async fn on(backend: Backend) -> Option<Self> {
        let database = TestDatabase::migrated(backend).await?;
        Some(Self { database })
    }

    pub fn db(&self) -> &DatabaseConnection {
        &self.database.db
    }

    pub async fn enqueue(&self, job: NewJob) -> Uuid {
        job.enqueue(self.db()).await.unwrap().id
    }

    /// Starts a worker that runs until it is stopped.
    pub async fn start(&self, tasks: Registry, variables: &[(&str, &str)]) -> RunningWorker {
        e2e::start_worker(&self.database, tasks, variables).await
    }

    /// Runs what is due with a worker that comes and goes.
    pub async fn run(&self, tasks: Registry) {
        e2e::run_pending_jobs(&self.database, tasks, &[]).await;
    }

    /// Lets the waits of all jobs be over.
    pub async fn pass_all_waits(&self) {
        e2e::pass(self.db(), Duration::from_hours(24)).await;
    }

    /// A job that is not finished.
    pub async fn job(&self, id: Uuid) -> job::Model {
        let job = job::Entity::find_by_id(id).one(self.db()).await.unwrap();
        job.expect("the job is not finished")
    }

    /// A job that is finished or will be.
    pub async fn finished(&self, id: Uuid) -> finished_job::Model {
        until(async || {
            let job = finished_job::Entity::find_by_id(id).one(self.db()).await;
            job.unwrap()
        })
        .await
    }

    /// The workers that are known.
    pub async fn workers(&self) -> Vec<worker::Model> {
        worker::Entity::find().all(self.db()).await.unwrap()
    }
}

/// Why attempts failed, of a job's `errors`.
pub fn errors(errors: Option<&Json>) -> Vec<AttemptError> {
    let errors = errors.map(|errors| serde_json::from_value(errors.clone()).unwrap());
    errors.unwrap_or_default()
}

/// Only what went wrong, without the time.
pub fn reasons(job_errors: Option<&Json>) -> Vec<String> {
    let errors = errors(job_errors).into_iter();
    errors.map(|error| error.error).collect()
}

/// Awaits what nobody tells: looks until it is there.
pub async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    in_time(async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

pub async fn in_time<F: Future>(future: F) -> F::Output {
    let timely = tokio::time::timeout(PATIENCE, future).await;
    timely.expect("this takes too long")
}
