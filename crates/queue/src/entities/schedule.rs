//! What runs by the clock: the last tick of each schedule.

use sea_orm::entity::prelude::*;

/// A schedule's memory.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "schedule")]
pub struct Model {
    /// Its name in code.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// The last tick that was enqueued.
    pub last_tick_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
