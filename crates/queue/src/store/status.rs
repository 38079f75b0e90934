//! The status of a job, for the client that caused it.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement};
use uuid::Uuid;

use crate::JobState;

/// The status of a job, without its payload and errors, which are for operators only.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct JobStatus {
    /// The job's id.
    pub id: Uuid,
    /// The task's name.
    pub kind: String,
    /// Its state.
    pub state: JobState,
    /// How many attempts it had, not counting snoozes, releases and deaths.
    pub attempt: i32,
    /// After this many it is dead.
    pub max_attempts: i32,
    /// When it was enqueued.
    pub created_at: DateTime<Utc>,
    /// It does not run before this time.
    pub run_at: DateTime<Utc>,
    /// When its last attempt began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
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
