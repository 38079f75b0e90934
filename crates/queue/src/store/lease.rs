//! Leases: a worker's jobs are its own for as long as it renews its row in `worker`.

use std::{
    collections::{BTreeSet, HashSet},
    time::Duration,
};

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, FromQueryResult,
    IntoActiveModel, QueryFilter, QuerySelect, QueryTrait, Select, Value,
    sea_query::{ArrayType, Expr, ExprTrait},
};
use uuid::Uuid;

use super::{
    JobStore,
    handle::{TOLERANCE, milliseconds, postgres, sqlite_after, wake},
};
use crate::{
    JobState,
    entities::{job, worker},
};

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
        /// Whether jobs are leased to the worker: see [`leases`](JobStore::leases).
        has_jobs: bool,
        /// Whether heartbeats lie ahead of the database's clock, which was set back: see
        /// [`renew_future_leases`](JobStore::renew_future_leases).
        clock_is_back: bool,
    },
    /// The worker is no longer known: its jobs are somebody else's.
    Unknown,
}

/// A job that the database leases to a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Lease {
    /// The job.
    pub id: Uuid,
    /// The number of the lease.
    pub lease_number: i32,
    /// When somebody asked to cancel the job.
    pub cancel_requested_at: Option<DateTime<Utc>>,
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
            milliseconds(TOLERANCE).into(),
        ];
        let row = self.db.query_one_raw(postgres(HEARTBEAT, values)).await?;
        row.map_or(Ok(Heartbeat::Unknown), |row| {
            Ok(Heartbeat::Renewed {
                rescue_is_due: row.try_get("", "rescue_is_due")?,
                has_jobs: row.try_get("", "has_jobs")?,
                clock_is_back: row.try_get("", "clock_is_back")?,
            })
        })
    }

    async fn heartbeat_sqlite(&self, id: Uuid, lease: Duration) -> Result<Heartbeat, DbErr> {
        let txn = self.begin().await?;
        // After the wait for other writers, whose heartbeats would lie ahead of it otherwise.
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
        let rescue_is_due =
            sqlite_after(steady_since, lease) <= now && rescue_is_due_sqlite(&txn, now).await?;
        let lease = running_under(id).select_only().column(job::Column::Id);
        let has_jobs = lease.into_tuple::<Uuid>().one(&txn).await?.is_some();
        txn.commit().await?;
        Ok(Heartbeat::Renewed {
            rescue_is_due,
            has_jobs,
            clock_is_back,
        })
    }

    /// Has the leases of workers whose heartbeat lies ahead of the database's clock begin now, each for its
    /// length, and answers how many. Such a clock was set back, and a worker that died before would not be
    /// known as dead until the clock has caught up.
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
        let running: Vec<(Uuid, i32)> = running_under(worker)
            .select_only()
            .columns([job::Column::Id, job::Column::LeaseNumber])
            .into_tuple()
            .all(&txn)
            .await?;
        let mut count = 0;
        for (id, _) in running.iter().filter(|claim| !held.contains(claim)) {
            count += job::Entity::update_many()
                .set(job::ActiveModel {
                    state: Set(JobState::Available),
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

    /// The jobs that are leased to `worker`.
    pub async fn leases(&self, worker: Uuid) -> Result<Vec<Lease>, DbErr> {
        running_under(worker)
            .select_only()
            .columns([
                job::Column::Id,
                job::Column::LeaseNumber,
                job::Column::CancelRequestedAt,
            ])
            .into_model()
            .all(&self.db)
            .await
    }
}

/// Walks `job_running` (worker_id).
fn running_under(worker: Uuid) -> Select<job::Entity> {
    job::Entity::find()
        .filter(job::Column::State.eq(JobState::Running))
        .filter(job::Column::WorkerId.eq(worker))
}

fn renewed_ahead(now: DateTime<Utc>) -> Select<worker::Entity> {
    worker::Entity::find().filter(worker::Column::RenewedAt.gt(now + TOLERANCE))
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
       LEAST((SELECT min(steady_since) FROM worker
              WHERE renewed_at >= now.at - $4 * interval '1 millisecond'
                AND renewed_at <= now.at + $7 * interval '1 millisecond'), now.at),
       now.at + $3 * interval '1 millisecond'
FROM (SELECT COALESCE($1, clock_timestamp()) AS at) AS now";

/// Walks the whole of `worker`, which has a row per process, and `job_running`, which has one per
/// running job.
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
          AND (EXISTS (SELECT FROM worker AS dead WHERE dead.expires_at < now.at AND dead.id <> $2)
               OR EXISTS (SELECT FROM job WHERE state = 'running'
                          AND NOT EXISTS (SELECT FROM worker WHERE worker.id = job.worker_id)))
          AS rescue_is_due,
          EXISTS (SELECT FROM job WHERE state = 'running' AND worker_id = $2) AS has_jobs,
          EXISTS (SELECT FROM worker WHERE renewed_at > now.at + $5 * interval '1 millisecond')
          AS clock_is_back";

/// Walks the whole of `worker`.
const RENEW_FUTURE: &str = "
UPDATE worker
SET renewed_at = now.at, steady_since = now.at, expires_at = now.at + (expires_at - renewed_at)
FROM (SELECT COALESCE($1, clock_timestamp()) AS at) AS now
WHERE renewed_at > now.at + $2 * interval '1 millisecond'";

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
        .filter(worker::Column::RenewedAt.lte(now + TOLERANCE))
        .into_tuple()
        .one(txn)
        .await?;
    Ok(std::cmp::min(since.flatten().unwrap_or(now), now))
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
        .filter(job::Column::State.eq(JobState::Running))
        .filter(job::Column::WorkerId.not_in_subquery(known.into_query()));
    Ok(orphans.one(txn).await?.is_some())
}
