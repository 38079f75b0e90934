//! Jobs that are not finished: the queue's hot table.

use sea_orm::entity::prelude::*;

use crate::JobState;

/// A job that waits or runs.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job")]
pub struct Model {
    /// `UUIDv7`: in the order in which jobs were enqueued.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The task, by its name in code.
    #[sea_orm(unique_key = "task_key")]
    pub kind: String,
    /// The queue that it waits in.
    pub queue: String,
    /// As with `nice`: 0 is normal, lower runs first.
    #[sea_orm(default_value = 0)]
    pub priority: i32,
    /// Where it stands.
    pub state: JobState,
    /// What the task is about, as JSON.
    pub payload: Json,
    /// How many attempts were begun that count.
    #[sea_orm(default_value = 0)]
    pub attempt: i32,
    /// After this many attempts it is dead.
    pub max_attempts: i32,
    /// How long an attempt may take, where it is not the task's own limit.
    pub timeout_seconds: Option<i32>,
    /// No two unfinished jobs of a task have the same.
    #[sea_orm(unique_key = "task_key")]
    pub unique_key: Option<String>,
    /// When it may run.
    pub run_at: DateTimeUtc,
    /// When it was enqueued.
    pub created_at: DateTimeUtc,
    /// When it was last claimed.
    pub started_at: Option<DateTimeUtc>,
    /// The worker that runs it.
    pub worker_id: Option<Uuid>,
    /// Rises with every claim; an outcome counts only under the number that it ran on.
    #[sea_orm(default_value = 0)]
    pub lease_number: i32,
    /// How many processes died under it.
    #[sea_orm(default_value = 0)]
    pub deaths: i32,
    /// When somebody asked to cancel it while it ran.
    pub cancel_requested_at: Option<DateTimeUtc>,
    /// Why attempts failed: the last 20, oldest first.
    pub errors: Option<Json>,
    /// Where it came from, as JSON: a [`Metadata`](crate::Metadata).
    pub metadata: Option<Json>,
}

impl ActiveModelBehavior for ActiveModel {}
