//! Live workers: one row per start of a worker process.

use sea_orm::entity::prelude::*;

/// A worker, which holds the leases of the jobs that it runs.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "worker")]
pub struct Model {
    /// New at every start, and after a lost lease.
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
    /// Since when there was no gap in the heartbeats, of this worker or of others before it.
    pub steady_since: DateTimeUtc,
    /// When its lease ends. Every heartbeat extends it.
    pub expires_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
