//! Leases: a worker's jobs are its own for as long as it renews its row in `worker`.

use std::{
    collections::{BTreeSet, HashSet},
    time::Duration,
};

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel,
    QueryFilter, QuerySelect, QueryTrait, Value,
    sea_query::{ArrayType, Expr, ExprTrait},
};
use uuid::Uuid;

use super::{
    JobStore,
    store::{milliseconds, postgres, sqlite_after, wake},
};
use crate::entities::{job, worker};

/// How often a lease is renewed within its length.
const BEATS_PER_LEASE: u32 = 4;

/// A job that somebody cancels hears of it within a beat, however long the lease.
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
        /// Whether there are workers that are certainly dead, or jobs of such: see
        /// [`rescue`](JobStore::rescue).
        rescue_is_due: bool,
    },
    /// The worker is no longer known: its jobs are somebody else's.
    Unknown,
}

impl JobStore {
    /// Makes a worker known; its jobs are its own for `lease`.
    pub async fn register_worker(
        &self,
        worker: Uuid,
        hostname: &str,
        queues: &str,
        lease: Duration,
    ) -> Result<(), DbErr> {
        if self.is_sqlite() {
            let now = self.sqlite_now();
            let txn = self.begin().await?;
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
        ];
        self.db
            .execute_raw(postgres(REGISTER, values))
            .await
            .map(drop)
    }

    /// Renews a worker's lease.
    ///
    /// Nobody is to be rescued before heartbeats have followed each other for a whole `lease`: after
    /// an outage of the database every lease is over, and the others must have had the time to renew
    /// theirs. Whose heartbeats those were is no matter, so that a worker which takes the place of a
    /// dead one need not wait.
    pub async fn heartbeat(&self, worker: Uuid, lease: Duration) -> Result<Heartbeat, DbErr> {
        if self.is_sqlite() {
            return self.heartbeat_sqlite(worker, lease).await;
        }
        let values = [
            self.postgres_now(),
            worker.into(),
            milliseconds(lease).into(),
            milliseconds(longest_gap(lease)).into(),
        ];
        let row = self.db.query_one_raw(postgres(HEARTBEAT, values)).await?;
        row.map_or(Ok(Heartbeat::Unknown), |row| {
            let rescue_is_due = row.try_get("", "rescue_is_due")?;
            Ok(Heartbeat::Renewed { rescue_is_due })
        })
    }

    async fn heartbeat_sqlite(&self, id: Uuid, lease: Duration) -> Result<Heartbeat, DbErr> {
        let now = self.sqlite_now();
        let txn = self.begin().await?;
        let Some(row) = worker::Entity::find_by_id(id).one(&txn).await? else {
            return Ok(Heartbeat::Unknown);
        };
        let steady_since = steady_since_sqlite(&txn, now, lease).await?;
        let mut row = row.into_active_model();
        row.renewed_at = Set(now);
        row.steady_since = Set(steady_since);
        row.expires_at = Set(sqlite_after(now, lease));
        row.update(&txn).await?;
        let rescue_is_due =
            sqlite_after(steady_since, lease) <= now && rescue_is_due_sqlite(&txn, now).await?;
        txn.commit().await?;
        Ok(Heartbeat::Renewed { rescue_is_due })
    }

    /// Removes a worker that stops and holds no job any more.
    pub async fn deregister_worker(&self, worker: Uuid) -> Result<(), DbErr> {
        worker::Entity::delete_by_id(worker)
            .exec(&self.db)
            .await
            .map(drop)
    }

    /// Hands back the jobs that `worker` leased and does not know of: a claim whose reply was lost. What it
    /// knows of, `held`, are jobs and their lease numbers. Answers how many go back. No claim of this
    /// worker may be under way.
    pub async fn reconcile(&self, worker: Uuid, held: &[(Uuid, i32)]) -> Result<u64, DbErr> {
        if self.is_sqlite() {
            return self.reconcile_sqlite(worker, held).await;
        }
        let array = |kind, values: Vec<Value>| Value::Array(kind, Some(Box::new(values)));
        let values = [
            worker.into(),
            array(
                ArrayType::Uuid,
                held.iter().map(|(id, _)| (*id).into()).collect(),
            ),
            array(
                ArrayType::Int,
                held.iter().map(|(_, number)| (*number).into()).collect(),
            ),
        ];
        let lost = self.db.query_all_raw(postgres(RECONCILE, values)).await?;
        let queues = lost.iter().map(|row| row.try_get("", "queue"));
        let queues: BTreeSet<String> = queues.collect::<Result<_, _>>()?;
        for queue in queues {
            wake(&self.db, &queue).await?;
        }
        Ok(lost.len() as u64)
    }

    async fn reconcile_sqlite(&self, worker: Uuid, held: &[(Uuid, i32)]) -> Result<u64, DbErr> {
        let held: HashSet<_> = held.iter().collect();
        let txn = self.begin().await?;
        let running: Vec<(Uuid, i32)> = job::Entity::find()
            .select_only()
            .columns([job::Column::Id, job::Column::LeaseNumber])
            .filter(job::Column::State.eq(job::State::Running))
            .filter(job::Column::WorkerId.eq(worker))
            .into_tuple()
            .all(&txn)
            .await?;
        let mut count = 0;
        for (id, _) in running.iter().filter(|claim| !held.contains(claim)) {
            count += job::Entity::update_many()
                .set(job::ActiveModel {
                    state: Set(job::State::Available),
                    worker_id: Set(None),
                    ..Default::default()
                })
                .col_expr(
                    job::Column::LeaseNumber,
                    Expr::col(job::Column::LeaseNumber).add(1),
                )
                .col_expr(job::Column::Attempt, Expr::col(job::Column::Attempt).sub(1))
                .filter(job::Column::Id.eq(*id))
                .exec(&txn)
                .await?
                .rows_affected;
        }
        txn.commit().await?;
        Ok(count)
    }

    /// The jobs that `worker` runs and somebody asked to cancel.
    pub async fn cancel_requested(&self, worker: Uuid) -> Result<Vec<Uuid>, DbErr> {
        // Walks `job_running` (worker_id).
        job::Entity::find()
            .select_only()
            .column(job::Column::Id)
            .filter(job::Column::State.eq(job::State::Running))
            .filter(job::Column::WorkerId.eq(worker))
            .filter(job::Column::CancelRequestedAt.is_not_null())
            .into_tuple()
            .all(&self.db)
            .await
    }
}

/// Heartbeats of a worker with this lease that are further apart do not follow each other. Far less
/// than a lease, so that nobody's is over by a gap that was not noticed.
fn longest_gap(lease: Duration) -> Duration {
    2 * heartbeat_interval(lease)
}

/// Walks `job_running` (worker_id).
const RECONCILE: &str = "
UPDATE job
SET state = 'available', worker_id = NULL, lease_number = lease_number + 1, attempt = attempt - 1
WHERE state = 'running' AND worker_id = $1
  AND (id, lease_number) NOT IN (SELECT * FROM unnest($2::uuid[], $3::int[]))
RETURNING queue";

/// Walks the whole of `worker`, which has a row per process.
const REGISTER: &str = "
INSERT INTO worker (id, hostname, queues, started_at, renewed_at, steady_since, expires_at)
SELECT $2, $5, $6, now.at, now.at,
       COALESCE((SELECT min(steady_since) FROM worker
                 WHERE renewed_at >= now.at - $4 * interval '1 millisecond'), now.at),
       now.at + $3 * interval '1 millisecond'
FROM (SELECT COALESCE($1, clock_timestamp()) AS at) AS now";

/// Walks the whole of `worker`, which has a row per process, and `job_running`, which has one per
/// running job.
const HEARTBEAT: &str = "
UPDATE worker
SET renewed_at = now.at,
    steady_since = COALESCE((SELECT min(steady_since) FROM worker
                             WHERE renewed_at >= now.at - $4 * interval '1 millisecond'), now.at),
    expires_at = now.at + $3 * interval '1 millisecond'
FROM (SELECT COALESCE($1, clock_timestamp()) AS at) AS now
WHERE id = $2
RETURNING steady_since <= now.at - $3 * interval '1 millisecond'
          AND (EXISTS (SELECT FROM worker AS dead WHERE dead.expires_at < now.at AND dead.id <> $2)
               OR EXISTS (SELECT FROM job WHERE state = 'running'
                          AND NOT EXISTS (SELECT FROM worker WHERE worker.id = job.worker_id)))
          AS rescue_is_due";

/// Since when heartbeats follow each other, the last of which is not long ago.
async fn steady_since_sqlite(
    txn: &DatabaseTransaction,
    now: DateTime<Utc>,
    lease: Duration,
) -> Result<DateTime<Utc>, DbErr> {
    let since: Option<Option<DateTime<Utc>>> = worker::Entity::find()
        .select_only()
        .column_as(worker::Column::SteadySince.min(), "since")
        .filter(worker::Column::RenewedAt.gte(now - longest_gap(lease)))
        .into_tuple()
        .one(txn)
        .await?;
    Ok(since.flatten().unwrap_or(now))
}

/// Whether a lease is over, or a job runs under nobody's.
async fn rescue_is_due_sqlite(
    txn: &DatabaseTransaction,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let expired = worker::Entity::find().filter(worker::Column::ExpiresAt.lt(now));
    if expired.one(txn).await?.is_some() {
        return Ok(true);
    }
    let known = worker::Entity::find()
        .select_only()
        .column(worker::Column::Id);
    let orphans = job::Entity::find()
        .filter(job::Column::State.eq(job::State::Running))
        .filter(job::Column::WorkerId.not_in_subquery(known.into_query()));
    Ok(orphans.one(txn).await?.is_some())
}
