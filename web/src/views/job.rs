//! The state of the jobs that requests enqueue, for clients that got a 202.

use bare_http::{Json, Problem};
use bare_queue::{JobState, JobStatus};
use chrono::{DateTime, Utc};
use poem_openapi::{Enum, Object, OpenApi, param::Path};
use sea_orm::DatabaseConnection;
use uuid::Uuid;

#[derive(Clone)]
pub(super) struct Views {
    pub(super) db: DatabaseConnection,
}

/// A job
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none = true)]
struct Job {
    /// The id
    id: Uuid,
    /// The state
    state: State,
    /// The number of attempts so far
    attempt: i32,
    /// The maximum number of attempts
    max_attempts: i32,
    /// When it was enqueued
    created_at: DateTime<Utc>,
    /// When it is or was due
    run_at: DateTime<Utc>,
    /// When the last attempt started, if one did
    started_at: Option<DateTime<Utc>>,
    /// When it finished, if it did
    finished_at: Option<DateTime<Utc>>,
}

/// The state of a job
#[derive(Debug, Enum)]
#[oai(rename_all = "lowercase")]
enum State {
    /// Waits until it is due
    Scheduled,
    /// Waits for a worker
    Available,
    /// Runs
    Running,
    /// Succeeded
    Completed,
    /// Failed for good
    Dead,
    /// Was cancelled
    Cancelled,
}

impl From<JobState> for State {
    fn from(state: JobState) -> Self {
        match state {
            JobState::Scheduled => Self::Scheduled,
            JobState::Available => Self::Available,
            JobState::Running => Self::Running,
            JobState::Completed => Self::Completed,
            JobState::Dead => Self::Dead,
            JobState::Cancelled => Self::Cancelled,
        }
    }
}

impl From<JobStatus> for Job {
    fn from(job: JobStatus) -> Self {
        Self {
            id: job.id,
            state: job.state.into(),
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            created_at: job.created_at,
            run_at: job.run_at,
            started_at: job.started_at,
            finished_at: job.finished_at,
        }
    }
}

#[OpenApi]
impl Views {
    /// Shows a job
    ///
    /// The answer is 404 if there is no job with this id, or if it finished long ago.
    #[oai(path = "/job/:id", method = "get")]
    async fn show_job(
        &self,
        /// The job's id, from the `Location` header of a 202
        Path(id): Path<Uuid>,
    ) -> Result<Json<Job>, Problem> {
        let job = bare_queue::status(&self.db, id).await?;
        let job = job.ok_or_else(Problem::not_found)?;
        Ok(Json(job.into()))
    }
}
