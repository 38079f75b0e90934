//! Workers that are alive: a row per start of a worker process.

use sea_orm::entity::prelude::*;

/// A worker, which holds the leases of the jobs that it runs.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "worker")]
pub struct Model {
    /// Made anew at every start, and when a lease was lost.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The host, or the dyno.
    pub hostname: String,
    /// Its queues, as in `WORKER_QUEUES`.
    pub queues: String,
    /// When it registered.
    pub started_at: DateTimeUtc,
    /// Its last heartbeat.
    pub renewed_at: DateTimeUtc,
    /// Since when heartbeats, its own or those of others before it, have followed each other without
    /// a break.
    pub steady_since: DateTimeUtc,
    /// Until when its jobs are its own. Every heartbeat moves it.
    pub expires_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
