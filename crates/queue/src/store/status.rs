//! What became of a job, for the client that caused it.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectionTrait, DbErr, DeriveActiveEnum, EnumIter, FromQueryResult, Iterable, Statement,
    sea_query::StringLen,
};
use serde::Serialize;
use uuid::Uuid;

use crate::entities::{finished_job, job};

/// Where a job stands. Its payload and errors are not in it: they are nobody's business but the
/// operators'.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct JobStatus {
    /// The job.
    pub id: Uuid,
    /// The task's name.
    pub kind: String,
    /// Where it stands.
    pub state: JobState,
    /// How many attempts were begun that count.
    pub attempt: i32,
    /// After this many it is dead.
    pub max_attempts: i32,
    /// When it was enqueued.
    pub created_at: DateTime<Utc>,
    /// When it may run, or might.
    pub run_at: DateTime<Utc>,
    /// When its last attempt began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// All the states of a job, finished or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize)]
#[serde(rename_all = "lowercase")]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::None)")]
pub enum JobState {
    /// It waits for its time.
    #[sea_orm(string_value = "scheduled")]
    Scheduled,
    /// It waits for a worker.
    #[sea_orm(string_value = "available")]
    Available,
    /// A worker has it.
    #[sea_orm(string_value = "running")]
    Running,
    /// Its task succeeded.
    #[sea_orm(string_value = "completed")]
    Completed,
    /// Its attempts are used up, or the task gave up.
    #[sea_orm(string_value = "dead")]
    Dead,
    /// Somebody cancelled it.
    #[sea_orm(string_value = "cancelled")]
    Cancelled,
}

impl JobState {
    /// Its name, as it is in the database and everywhere else.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Available => "available",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        }
    }
}

impl FromStr for JobState {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::iter()
            .find(|state| state.name() == text)
            .ok_or("scheduled, available, running, completed, dead or cancelled is accepted")
    }
}

impl From<job::State> for JobState {
    fn from(state: job::State) -> Self {
        match state {
            job::State::Scheduled => Self::Scheduled,
            job::State::Available => Self::Available,
            job::State::Running => Self::Running,
        }
    }
}

impl From<finished_job::State> for JobState {
    fn from(state: finished_job::State) -> Self {
        match state {
            finished_job::State::Completed => Self::Completed,
            finished_job::State::Dead => Self::Dead,
            finished_job::State::Cancelled => Self::Cancelled,
        }
    }
}

/// The status of a job, or `None` if there is no such job or it was pruned.
pub async fn status<C: ConnectionTrait>(db: &C, id: Uuid) -> Result<Option<JobStatus>, DbErr> {
    // Walks both primary keys, in one statement: between two, a job could move from one table to
    // the other.
    let sql = "
        SELECT id, kind, state, attempt, max_attempts, created_at, run_at, started_at, NULL AS finished_at
        FROM job WHERE id = $1
        UNION ALL
        SELECT id, kind, state, attempt, max_attempts, created_at, run_at, started_at, finished_at
        FROM finished_job WHERE id = $1";
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, [id.into()]);
    JobStatus::find_by_statement(statement).one(db).await
}
