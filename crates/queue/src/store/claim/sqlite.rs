//! Claiming on SQLite: in a transaction that no other writer interrupts.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use super::ClaimedJob;
use crate::{
    JobState,
    entities::{job, queue, worker},
    store::JobStore,
};

/// The most that one claim takes: a statement has 32,766 variables.
const LIMIT: u64 = 30_000;

impl JobStore {
    pub(super) async fn claim_sqlite(
        &self,
        worker: Uuid,
        queue: &str,
        limit: u64,
    ) -> Result<Vec<ClaimedJob>, DbErr> {
        // A look that takes no lock: most find nothing.
        if available(queue).one(&self.db).await?.is_none() {
            return Ok(Vec::new());
        }
        let now = self.sqlite_now();
        let txn = self.begin().await?;
        let limit = match self.room_sqlite(&txn, worker, queue, now).await? {
            Some(room) => std::cmp::min(limit, room),
            None => return Ok(Vec::new()),
        };
        let ids: Vec<Uuid> = available(queue)
            .select_only()
            .column(job::Column::Id)
            .order_by_asc(job::Column::Priority)
            .order_by_asc(job::Column::RunAt)
            .order_by_asc(job::Column::Id)
            .limit(limit)
            .into_tuple()
            .all(&txn)
            .await?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        job::Entity::update_many()
            .set(job::ActiveModel {
                state: Set(JobState::Running),
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

    /// How many jobs of the queue may be claimed: `None` if it is paused, or the worker's own lease
    /// is over.
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
            return Ok(Some(LIMIT));
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

fn available(queue: &str) -> Select<job::Entity> {
    job::Entity::find()
        .filter(job::Column::State.eq(JobState::Available))
        .filter(job::Column::Queue.eq(queue))
}
