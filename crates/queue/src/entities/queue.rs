//! Queues that somebody set something for. A queue without a row is neither paused nor limited.

use sea_orm::entity::prelude::*;

/// What is set for a queue.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "queue")]
pub struct Model {
    /// Its name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// How many of its jobs may run at once across all workers.
    pub max_running: Option<i32>,
    /// Since when nothing is claimed from it.
    pub paused_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
