//! Leases: a worker keeps its jobs for as long as it renews its row in `worker`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr,
    EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, Select,
};
use uuid::Uuid;

use super::{
    JobStore,
    handle::{TOLERANCE, milliseconds, postgres, sqlite_after},
};
use crate::entities::worker;

/// How often a lease is renewed within its length.
const BEATS_PER_LEASE: u32 = 4;

/// A running job hears of its cancellation within one heartbeat, even if the lease is long.
const LONGEST_INTERVAL: Duration = Duration::from_secs(2);

/// How often a worker with this lease renews it.
pub fn heartbeat_interval(lease: Duration) -> Duration {
    (lease / BEATS_PER_LEASE).min(LONGEST_INTERVAL)
}

/// What the database answers to a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heartbeat {
    /// The lease is renewed.
    Renewed {
        /// Whether some workers are certainly dead: see [`rescue`](JobStore::rescue).
        rescue_is_due: bool,
        /// Whether heartbeats are ahead of the database's clock, which was set back: see
        /// [`renew_future_leases`](JobStore::renew_future_leases).
        clock_is_back: bool,
    },
    /// The worker is no longer registered: others have its jobs.
    Unknown,
}

impl JobStore {
    /// Registers a worker, with a first lease.
    pub async fn register_worker(
        &self,
        worker: Uuid,
        hostname: &str,
        queues: &str,
        lease: Duration,
    ) -> Result<(), DbErr> {
        if self.is_sqlite() {
            let txn = self.begin().await?;
            let now = self.sqlite_now();
            let row = worker::Model {
                id: worker,
                hostname: hostname.to_owned(),
                queues: queues.to_owned(),
                started_at: now,
                renewed_at: now,
                steady_since: steady_since_sqlite(&txn, now, lease).await?,
                expires_at: sqlite_after(now, lease),
            };
            worker::Entity::insert(row.into_active_model())
                .exec(&txn)
                .await?;
            return txn.commit().await;
        }
        let values = [
            self.postgres_now(),
            worker.into(),
            milliseconds(lease).into(),
            milliseconds(longest_gap(lease)).into(),
            hostname.into(),
            queues.into(),
            milliseconds(TOLERANCE).into(),
        ];
        self.db
            .execute_raw(postgres(REGISTER, values))
            .await
            .map(drop)
    }

    /// Renews a worker's lease. Touches only `worker`: a lock on the jobs must not end leases.
    ///
    /// A rescue is due only when heartbeats have had no gap for a whole `lease`: after an outage of
    /// the database every lease is over, and the live workers need time to renew theirs. The
    /// heartbeats of any worker count, so that the replacement of a dead worker need not wait.
    pub async fn heartbeat(&self, worker: Uuid, lease: Duration) -> Result<Heartbeat, DbErr> {
        if self.is_sqlite() {
            return self.heartbeat_sqlite(worker, lease).await;
        }
        let values = [
            self.postgres_now(),
            worker.into(),
            milliseconds(lease).into(),
            milliseconds(longest_gap(lease)).into(),
            milliseconds(TOLERANCE).into(),
        ];
        let row = self.db.query_one_raw(postgres(HEARTBEAT, values)).await?;
        row.map_or(Ok(Heartbeat::Unknown), |row| {
            Ok(Heartbeat::Renewed {
                rescue_is_due: row.try_get("", "rescue_is_due")?,
                clock_is_back: row.try_get("", "clock_is_back")?,
            })
        })
    }

    async fn heartbeat_sqlite(&self, id: Uuid, lease: Duration) -> Result<Heartbeat, DbErr> {
        let txn = self.begin().await?;
        // Read after the wait for other writers, or their heartbeats would be ahead of it.
        let now = self.sqlite_now();
        let Some(row) = worker::Entity::find_by_id(id).one(&txn).await? else {
            return Ok(Heartbeat::Unknown);
        };
        let clock_is_back = renewed_ahead(now).one(&txn).await?.is_some();
        let steady_since = steady_since_sqlite(&txn, now, lease).await?;
        let mut row = row.into_active_model();
        row.renewed_at = Set(now);
        row.steady_since = Set(steady_since);
        row.expires_at = Set(sqlite_after(now, lease));
        row.update(&txn).await?;
        let expired = worker::Entity::find().filter(worker::Column::ExpiresAt.lt(now));
        let rescue_is_due =
            sqlite_after(steady_since, lease) <= now && expired.one(&txn).await?.is_some();
        txn.commit().await?;
        Ok(Heartbeat::Renewed {
            rescue_is_due,
            clock_is_back,
        })
    }

    /// Restarts the leases of workers whose heartbeat is ahead of the database's clock, and returns
    /// how many. The clock was set back, and a worker that died before that would not count as dead
    /// until the clock has caught up.
    pub async fn renew_future_leases(&self) -> Result<u64, DbErr> {
        if !self.is_sqlite() {
            let values = [self.postgres_now(), milliseconds(TOLERANCE).into()];
            let renewed = self.db.execute_raw(postgres(RENEW_FUTURE, values)).await?;
            return Ok(renewed.rows_affected());
        }
        let txn = self.begin().await?;
        let now = self.sqlite_now();
        let ahead = renewed_ahead(now).all(&txn).await?;
        let count = ahead.len() as u64;
        for row in ahead {
            let length = row.expires_at - row.renewed_at;
            let mut row = row.into_active_model();
            row.renewed_at = Set(now);
            row.steady_since = Set(now);
            row.expires_at = Set(now + length);
            row.update(&txn).await?;
        }
        txn.commit().await?;
        Ok(count)
    }

    /// Removes a worker that stops and no longer holds a job.
    pub async fn deregister_worker(&self, worker: Uuid) -> Result<(), DbErr> {
        worker::Entity::delete_by_id(worker)
            .exec(&self.db)
            .await
            .map(drop)
    }
}

fn renewed_ahead(now: DateTime<Utc>) -> Select<worker::Entity> {
    worker::Entity::find().filter(worker::Column::RenewedAt.gt(now + TOLERANCE))
}

/// A longer time between heartbeats counts as a gap. It is far shorter than a lease, so that no
/// lease ends in a gap that goes unnoticed.
fn longest_gap(lease: Duration) -> Duration {
    2 * heartbeat_interval(lease)
}

/// Walks the whole of `worker`, which has a row per process.
const REGISTER: &str = "
INSERT INTO worker (id, hostname, queues, started_at, renewed_at, steady_since, expires_at)
SELECT $2, $5, $6, now.at, now.at,
       LEAST((SELECT min(steady_since) FROM worker
              WHERE renewed_at >= now.at - $4 * interval '1 millisecond'
                AND renewed_at <= now.at + $7 * interval '1 millisecond'), now.at),
       now.at + $3 * interval '1 millisecond'
FROM (SELECT COALESCE($1, clock_timestamp()) AS at) AS now";

/// Walks the whole of `worker`, which has a row per process.
const HEARTBEAT: &str = "
UPDATE worker
SET renewed_at = now.at,
    steady_since = LEAST((SELECT min(steady_since) FROM worker
                          WHERE renewed_at >= now.at - $4 * interval '1 millisecond'
                            AND renewed_at <= now.at + $5 * interval '1 millisecond'), now.at),
    expires_at = now.at + $3 * interval '1 millisecond'
FROM (SELECT COALESCE($1, clock_timestamp()) AS at) AS now
WHERE id = $2
RETURNING steady_since <= now.at - $3 * interval '1 millisecond'
          AND EXISTS (SELECT FROM worker AS dead WHERE dead.expires_at < now.at AND dead.id <> $2)
          AS rescue_is_due,
          EXISTS (SELECT FROM worker WHERE renewed_at > now.at + $5 * interval '1 millisecond')
          AS clock_is_back";

/// Walks the whole of `worker`.
const RENEW_FUTURE: &str = "
UPDATE worker
SET renewed_at = now.at, steady_since = now.at, expires_at = now.at + (expires_at - renewed_at)
FROM (SELECT COALESCE($1, clock_timestamp()) AS at) AS now
WHERE renewed_at > now.at + $2 * interval '1 millisecond'";

/// Since when heartbeats have had no gap.
async fn steady_since_sqlite(
    txn: &DatabaseTransaction,
    now: DateTime<Utc>,
    lease: Duration,
) -> Result<DateTime<Utc>, DbErr> {
    let since: Option<Option<DateTime<Utc>>> = worker::Entity::find()
        .select_only()
        .column_as(worker::Column::SteadySince.min(), "since")
        .filter(worker::Column::RenewedAt.gte(now - longest_gap(lease)))
        .filter(worker::Column::RenewedAt.lte(now + TOLERANCE))
        .into_tuple()
        .one(txn)
        .await?;
    Ok(std::cmp::min(since.flatten().unwrap_or(now), now))
}
