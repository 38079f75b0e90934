//! Claiming on SQLite: in a transaction that no other writer interrupts.

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, FromQueryResult, PaginatorTrait,
    QueryFilter, QuerySelect,
};
use uuid::Uuid;

use super::ClaimedJob;
use crate::{
    JobState,
    entities::{job, queue, worker},
    store::JobStore,
};

impl JobStore {
    pub(super) async fn claim_sqlite(
        &self,
        worker: Uuid,
        queue: &str,
        limit: u64,
    ) -> Result<Vec<ClaimedJob>, DbErr> {
        // Most claims find nothing, and this query takes no lock.
        let available = job::Entity::find()
            .select_only()
            .column(job::Column::Id)
            .filter(job::Column::State.eq(JobState::Available))
            .filter(job::Column::Queue.eq(queue))
            .into_tuple::<Uuid>();
        if available.one(&self.db).await?.is_none() {
            return Ok(Vec::new());
        }
        let now = self.sqlite_now();
        let txn = self.begin().await?;
        let Some(room) = self.room_sqlite(&txn, worker, queue, now).await? else {
            return Ok(Vec::new());
        };
        let limit = i64::try_from(limit.min(room)).unwrap_or(i64::MAX);
        let values = [now.into(), worker.into(), queue.into(), limit.into()];
        let jobs = ClaimedJob::find_by_statement(self.statement(CLAIM, values));
        let mut jobs = jobs.all(&txn).await?;
        txn.commit().await?;
        // RETURNING promises no order.
        jobs.sort_by_key(|job| (job.priority, job.run_at, job.id));
        Ok(jobs)
    }

    /// How many jobs of the queue may be claimed. `None`: it is paused, or the worker's lease is
    /// over.
    async fn room_sqlite(
        &self,
        txn: &DatabaseTransaction,
        worker: Uuid,
        queue: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<u64>, DbErr> {
        let worker = worker::Entity::find_by_id(worker).one(txn).await?;
        let settings = queue::Entity::find_by_id(queue).one(txn).await?;
        let is_paused = settings
            .as_ref()
            .is_some_and(|queue| queue.paused_at.is_some());
        if is_paused || worker.is_none_or(|worker| worker.expires_at <= now) {
            return Ok(None);
        }
        let Some(max_running) = settings.and_then(|queue| queue.max_running) else {
            return Ok(Some(u64::MAX));
        };
        let running = job::Entity::find()
            .filter(job::Column::State.eq(JobState::Running))
            .filter(job::Column::Queue.eq(queue))
            .count(txn)
            .await?;
        let max_running = u64::try_from(max_running).unwrap_or_default();
        Ok(Some(max_running.saturating_sub(running)))
    }
}

/// Walks `job_claim` (queue, priority, run_at, id), and the primary key for the jobs that it takes.
const CLAIM: &str = concat!(
    "
UPDATE job
SET state = 'running', worker_id = $2, started_at = $1, lease_number = ",
    next_lease!(),
    ", attempt = ",
    next_attempt!(),
    "
WHERE id IN (SELECT id FROM job WHERE queue = $3 AND state = 'available'
             ORDER BY priority, run_at, id LIMIT $4)
RETURNING *"
);
