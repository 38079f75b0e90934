//! Claiming: jobs that are available become this worker's.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use super::{JobStore, Metadata, store::postgres};
use crate::entities::{job, queue};

/// A job that was handed to a worker.
#[derive(Clone, Debug, PartialEq, FromQueryResult)]
pub struct ClaimedJob {
    /// The job.
    pub id: Uuid,
    /// Its task's name; the worker may not know it.
    pub kind: String,
    /// The queue that it was claimed from.
    pub queue: String,
    /// The priority by which it was claimed.
    pub priority: i32,
    /// Its payload as JSON text, which may not be what the task expects.
    pub payload: String,
    /// The number of this attempt, from 1.
    pub attempt: i32,
    /// It is dead after this many.
    pub max_attempts: i32,
    /// A limit for its attempts other than its task's, in seconds.
    pub timeout_seconds: Option<i32>,
    /// What this attempt's outcome must name.
    pub lease_number: i32,
    /// How many processes died under it.
    pub deaths: i32,
    /// When it was enqueued.
    pub created_at: DateTime<Utc>,
    /// When it might have run.
    pub run_at: DateTime<Utc>,
    /// When it was claimed.
    pub started_at: DateTime<Utc>,
    /// The errors of its earlier attempts, as JSON text.
    pub errors: Option<String>,
    /// The request that enqueued it.
    pub request_id: Option<String>,
    /// The trace that it belongs to.
    pub traceparent: Option<String>,
    /// The version that enqueued it.
    pub enqueued_by: Option<String>,
}

impl ClaimedJob {
    /// What the jobs that this job enqueues remember, with `enqueued_by` as the version that runs
    /// it.
    pub fn metadata(&self, enqueued_by: Option<String>) -> Metadata {
        Metadata {
            request_id: self.request_id.clone(),
            traceparent: self.traceparent.clone(),
            enqueued_by,
        }
    }
}

impl JobStore {
    /// Claims up to `limit` available jobs of `queue` for `worker`: lowest priority first, then
    /// those that have waited longest. Each begins its next attempt under its next lease number. A
    /// paused queue yields nothing, and neither does a worker whose own lease is over.
    ///
    /// Jobs that another worker is claiming at the same moment are passed over and not waited for.
    pub async fn claim(
        &self,
        worker: Uuid,
        queue: &str,
        limit: u64,
    ) -> Result<Vec<ClaimedJob>, DbErr> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        if self.is_sqlite() {
            return self.claim_sqlite(worker, queue, limit).await;
        }
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = [
            self.postgres_now(),
            worker.into(),
            queue.into(),
            limit.into(),
        ];
        let mut jobs = ClaimedJob::find_by_statement(postgres(CLAIM, values))
            .all(&self.db)
            .await?;
        // RETURNING promises no order.
        jobs.sort_by_key(|job| (job.priority, job.run_at, job.id));
        Ok(jobs)
    }

    async fn claim_sqlite(
        &self,
        worker: Uuid,
        queue: &str,
        limit: u64,
    ) -> Result<Vec<ClaimedJob>, DbErr> {
        let now = self.sqlite_now();
        let txn = self.begin().await?;
        let paused = queue::Entity::find_by_id(queue)
            .filter(queue::Column::PausedAt.is_not_null())
            .one(&txn)
            .await?;
        let live = crate::entities::worker::Entity::find_by_id(worker)
            .filter(crate::entities::worker::Column::ExpiresAt.gt(now))
            .one(&txn)
            .await?;
        if paused.is_some() || live.is_none() {
            return Ok(Vec::new());
        }
        let available = Condition::all()
            .add(job::Column::State.eq(job::State::Available))
            .add(job::Column::Queue.eq(queue));
        let ids: Vec<Uuid> = job::Entity::find()
            .select_only()
            .column(job::Column::Id)
            .filter(available)
            .order_by_asc(job::Column::Priority)
            .order_by_asc(job::Column::RunAt)
            .order_by_asc(job::Column::Id)
            .limit(std::cmp::min(limit, SQLITE_LIMIT))
            .into_tuple()
            .all(&txn)
            .await?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        job::Entity::update_many()
            .set(job::ActiveModel {
                state: Set(job::State::Running),
                worker_id: Set(Some(worker)),
                started_at: Set(Some(now)),
                ..Default::default()
            })
            .col_expr(
                job::Column::LeaseNumber,
                Expr::col(job::Column::LeaseNumber).add(1),
            )
            .col_expr(job::Column::Attempt, Expr::col(job::Column::Attempt).add(1))
            .filter(job::Column::Id.is_in(ids.clone()))
            .exec(&txn)
            .await?;
        let jobs = job::Entity::find()
            .filter(job::Column::Id.is_in(ids))
            .order_by_asc(job::Column::Priority)
            .order_by_asc(job::Column::RunAt)
            .order_by_asc(job::Column::Id)
            .into_model::<ClaimedJob>()
            .all(&txn)
            .await?;
        txn.commit().await?;
        Ok(jobs)
    }
}

/// The most that one claim takes on SQLite, whose statements have 32,766 variables.
const SQLITE_LIMIT: u64 = 30_000;

/// Walks `job_claim` (queue, priority, run_at, id) over available rows only. `id = ANY(ARRAY(…))`
/// keeps the update on the primary key, also under a generic plan, where a join with a CTE falls to
/// a sequential scan.
const CLAIM: &str = "
UPDATE job
SET state = 'running', worker_id = $2, started_at = COALESCE($1, clock_timestamp()),
    lease_number = lease_number + 1, attempt = attempt + 1
WHERE id = ANY(ARRAY(
    SELECT id FROM job
    WHERE queue = $3 AND state = 'available'
      AND NOT EXISTS (SELECT FROM queue WHERE name = $3 AND paused_at IS NOT NULL)
      AND EXISTS (SELECT FROM worker WHERE id = $2 AND expires_at > COALESCE($1, clock_timestamp()))
    ORDER BY priority, run_at, id
    LIMIT $4
    FOR UPDATE SKIP LOCKED
))
RETURNING id, kind, queue, priority, payload::text AS payload, attempt, max_attempts, timeout_seconds, lease_number,
          deaths, created_at, run_at, started_at, errors::text AS errors, request_id, traceparent, enqueued_by";
