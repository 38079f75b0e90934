//! Leases: a worker's jobs are its own for as long as it renews its row in `worker`.

use std::time::Duration;

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
    Value,
    sea_query::{ArrayType, Expr, ExprTrait},
};
use uuid::Uuid;

use super::{
    JobStore,
    store::{milliseconds, postgres, sqlite_after},
};
use crate::entities::{job, worker};

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
            let row = worker::Model {
                id: worker,
                hostname: hostname.to_owned(),
                queues: queues.to_owned(),
                started_at: now,
                expires_at: sqlite_after(now, lease),
            };
            return worker::Entity::insert(row.into_active_model())
                .exec(&self.db)
                .await
                .map(drop);
        }
        let sql = "
            INSERT INTO worker (id, hostname, queues, started_at, expires_at)
            SELECT $2, $3, $4, now.at, now.at + $5 * interval '1 millisecond'
            FROM (SELECT COALESCE($1, clock_timestamp()) AS at) AS now";
        let values = [
            self.postgres_now(),
            worker.into(),
            hostname.into(),
            queues.into(),
            milliseconds(lease).into(),
        ];
        self.db.execute_raw(postgres(sql, values)).await.map(drop)
    }

    /// Renews a worker's lease. `false` if it is no longer known: its jobs are somebody else's.
    pub async fn heartbeat(&self, worker: Uuid, lease: Duration) -> Result<bool, DbErr> {
        if self.is_sqlite() {
            let renewed = worker::Entity::update_many()
                .col_expr(
                    worker::Column::ExpiresAt,
                    Expr::value(sqlite_after(self.sqlite_now(), lease)),
                )
                .filter(worker::Column::Id.eq(worker))
                .exec(&self.db)
                .await?;
            return Ok(renewed.rows_affected > 0);
        }
        let sql = "
            UPDATE worker
            SET expires_at = COALESCE($1, clock_timestamp()) + $3 * interval '1 millisecond'
            WHERE id = $2";
        let values = [
            self.postgres_now(),
            worker.into(),
            milliseconds(lease).into(),
        ];
        Ok(self
            .db
            .execute_raw(postgres(sql, values))
            .await?
            .rows_affected()
            > 0)
    }

    /// Removes a worker that stops and holds no job any more.
    pub async fn deregister_worker(&self, worker: Uuid) -> Result<(), DbErr> {
        worker::Entity::delete_by_id(worker)
            .exec(&self.db)
            .await
            .map(drop)
    }

    /// Hands back the jobs that `worker` leased and does not know of (`held`): a claim whose reply
    /// was lost. Answers how many. No claim of this worker may be under way.
    pub async fn reconcile(&self, worker: Uuid, held: &[Uuid]) -> Result<u64, DbErr> {
        if self.is_sqlite() {
            let lost = job::Entity::update_many()
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
                .filter(job::Column::State.eq(job::State::Running))
                .filter(job::Column::WorkerId.eq(worker))
                .filter(job::Column::Id.is_not_in(held.iter().copied()))
                .exec(&self.db)
                .await?;
            return Ok(lost.rows_affected);
        }
        // Walks `job_running` (worker_id).
        let sql = "
            UPDATE job
            SET state = 'available', worker_id = NULL, lease_number = lease_number + 1, attempt = attempt - 1
            WHERE state = 'running' AND worker_id = $1 AND id <> ALL ($2::uuid[])";
        let held = held.iter().map(|id| Value::from(*id)).collect();
        let values = [
            worker.into(),
            Value::Array(ArrayType::Uuid, Some(Box::new(held))),
        ];
        Ok(self
            .db
            .execute_raw(postgres(sql, values))
            .await?
            .rows_affected())
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
