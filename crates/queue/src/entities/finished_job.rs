//! Jobs that came to an end, kept for as long as the settings say.

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
    /// The task, by its name in code.
    pub kind: String,
    /// The queue that it waited in.
    pub queue: String,
    /// The priority that it had.
    #[sea_orm(default_value = 0)]
    pub priority: i32,
    /// How it ended.
    pub state: JobState,
    /// What the task was about, as JSON.
    pub payload: Json,
    /// How many attempts were begun that count.
    #[sea_orm(default_value = 0)]
    pub attempt: i32,
    /// How many it had.
    pub max_attempts: i32,
    /// How long an attempt might take, where it was not the task's own limit.
    pub timeout_seconds: Option<i32>,
    /// The key that it held until it ended.
    pub unique_key: Option<String>,
    /// When it might run.
    pub run_at: DateTimeUtc,
    /// When it was enqueued.
    pub created_at: DateTimeUtc,
    /// When its last attempt began.
    pub started_at: Option<DateTimeUtc>,
    /// When it ended.
    pub finished_at: DateTimeUtc,
    /// The lease that it ended under.
    #[sea_orm(default_value = 0)]
    pub lease_number: i32,
    /// How many processes died under it.
    #[sea_orm(default_value = 0)]
    pub deaths: i32,
    /// Why attempts failed: the last 20, oldest first.
    pub errors: Option<Json>,
    /// Where it came from, as JSON: a [`Metadata`](crate::Metadata).
    pub metadata: Option<Json>,
}

impl ActiveModelBehavior for ActiveModel {}
