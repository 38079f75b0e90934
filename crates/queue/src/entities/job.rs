//! Unfinished jobs: the queue's hot table.

use sea_orm::entity::prelude::*;

use crate::JobState;

/// A job that waits or runs.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job")]
pub struct Model {
    /// A `UUIDv7`, which sorts by the time of enqueueing.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The name of its task.
    #[sea_orm(unique_key = "task_key")]
    pub kind: String,
    /// The queue that it waits in.
    pub queue: String,
    /// As with `nice`: 0 is normal, lower runs first.
    #[sea_orm(default_value = 0)]
    pub priority: i32,
    /// Its state.
    pub state: JobState,
    /// The task's payload, as JSON.
    pub payload: Json,
    /// How many attempts it had, not counting snoozes, releases and deaths.
    #[sea_orm(default_value = 0)]
    pub attempt: i32,
    /// After this many attempts it is dead.
    pub max_attempts: i32,
    /// The time limit of an attempt, if it is not the task's.
    pub timeout_seconds: Option<i32>,
    /// Unique among the unfinished jobs of a task.
    #[sea_orm(unique_key = "task_key")]
    pub unique_key: Option<String>,
    /// It does not run before this time.
    pub run_at: DateTimeUtc,
    /// When it was enqueued.
    pub created_at: DateTimeUtc,
    /// When it was last claimed.
    pub started_at: Option<DateTimeUtc>,
    /// The worker that runs it.
    pub worker_id: Option<Uuid>,
    /// Rises with every claim. An outcome counts only if it names the current number.
    #[sea_orm(default_value = 0)]
    pub lease_number: i32,
    /// How many worker processes died while they held it.
    #[sea_orm(default_value = 0)]
    pub deaths: i32,
    /// When its cancellation was requested, if it was running then.
    pub cancel_requested_at: Option<DateTimeUtc>,
    /// The errors of its attempts: the last 20, oldest first.
    pub errors: Option<Json>,
    /// Where it came from, as JSON: a [`Metadata`](crate::Metadata).
    pub metadata: Option<Json>,
}

impl ActiveModelBehavior for ActiveModel {}
