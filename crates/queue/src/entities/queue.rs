//! Settings of queues. A queue without a row is neither paused nor limited.

use sea_orm::entity::prelude::*;

/// The settings of a queue.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "queue")]
pub struct Model {
    /// The queue's name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// How many of its jobs may run at once across all workers.
    pub max_running: Option<i32>,
    /// When it was paused, if it is.
    pub paused_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
