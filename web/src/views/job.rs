//! What became of the work that a request was answered 202 for.

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

/// A piece of work
#[derive(Debug, Object)]
struct Job {
    /// Its id
    id: Uuid,
    /// Where it stands
    state: State,
    /// How many times it was tried
    attempt: i32,
    /// How many times it is tried at the most
    max_attempts: i32,
    /// When it was asked for
    created_at: DateTime<Utc>,
    /// When it is or was due
    run_at: DateTime<Utc>,
    /// When it was last tried
    started_at: Option<DateTime<Utc>>,
    /// When it ended
    finished_at: Option<DateTime<Utc>>,
}

/// Where a piece of work stands
#[derive(Debug, Enum)]
#[oai(rename_all = "lowercase")]
enum State {
    /// It waits for its time
    Scheduled,
    /// It waits for its turn
    Available,
    /// It is being done
    Running,
    /// It is done
    Completed,
    /// It was given up
    Dead,
    /// It was called off
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
    /// Shows what became of a piece of work
    ///
    /// 404 if there is none with the id, or if it ended long ago.
    #[oai(path = "/job/:id", method = "get")]
    async fn show_job(
        &self,
        /// The id, from the header Location of the answer 202
        Path(id): Path<Uuid>,
    ) -> Result<Json<Job>, Problem> {
        let job = bare_queue::status(&self.db, id).await?;
        let job = job.ok_or_else(Problem::not_found)?;
        Ok(Json(job.into()))
    }
}
