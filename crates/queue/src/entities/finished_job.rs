//! Finished jobs, kept for as long as the settings say.

use sea_orm::entity::prelude::*;

use crate::JobState;

/// A job that will not run again by itself.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "finished_job")]
pub struct Model {
    /// The id that it had as an unfinished job.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The name of its task.
    pub kind: String,
    /// The queue that it waited in.
    pub queue: String,
    /// The priority that it had.
    #[sea_orm(default_value = 0)]
    pub priority: i32,
    /// How it ended.
    pub state: JobState,
    /// The task's payload, as JSON.
    pub payload: Json,
    /// How many attempts it had, not counting snoozes, releases and deaths.
    #[sea_orm(default_value = 0)]
    pub attempt: i32,
    /// The maximum number of attempts.
    pub max_attempts: i32,
    /// The time limit of an attempt, if it was not the task's.
    pub timeout_seconds: Option<i32>,
    /// The key that it held until it ended.
    pub unique_key: Option<String>,
    /// When it was due.
    pub run_at: DateTimeUtc,
    /// When it was enqueued.
    pub created_at: DateTimeUtc,
    /// When its last attempt began.
    pub started_at: Option<DateTimeUtc>,
    /// When it ended.
    pub finished_at: DateTimeUtc,
    /// The lease number with which it ended.
    #[sea_orm(default_value = 0)]
    pub lease_number: i32,
    /// How many worker processes died while they held it.
    #[sea_orm(default_value = 0)]
    pub deaths: i32,
    /// The errors of its attempts: the last 20, oldest first.
    pub errors: Option<Json>,
    /// Where it came from, as JSON: a [`Metadata`](crate::Metadata).
    pub metadata: Option<Json>,
}

impl ActiveModelBehavior for ActiveModel {}
