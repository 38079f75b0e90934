//! The last tick of each schedule.

use sea_orm::entity::prelude::*;

/// What is stored of a schedule.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "schedule")]
pub struct Model {
    /// The schedule's name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// The last tick that was enqueued.
    pub last_tick_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
