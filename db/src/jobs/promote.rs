//! Promoting: scheduled jobs whose time has come become available.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, sea_query::Expr,
};
use uuid::Uuid;

use super::{
    JobStore,
    store::{MAX_LIMIT, postgres},
};
use crate::entities::job;

impl JobStore {
    /// Makes up to `limit` scheduled jobs available whose `run_at` has come, the earliest first,
    /// and answers how many.
    pub async fn promote(&self, limit: u64) -> Result<u64, DbErr> {
        if self.is_sqlite() {
            return self.promote_sqlite(limit).await;
        }
        // Walks `job_scheduled` (run_at) over scheduled rows only.
        let sql = "
            UPDATE job SET state = 'available'
            WHERE id = ANY(ARRAY(
                SELECT id FROM job
                WHERE state = 'scheduled' AND run_at <= COALESCE($1, clock_timestamp())
                ORDER BY run_at
                LIMIT $2
                FOR UPDATE SKIP LOCKED
            ))";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let result = self
            .db
            .execute_raw(postgres(sql, [self.postgres_now(), limit.into()]))
            .await?;
        Ok(result.rows_affected())
    }

    async fn promote_sqlite(&self, limit: u64) -> Result<u64, DbErr> {
        let due = job::Entity::find()
            .select_only()
            .column(job::Column::Id)
            .filter(job::Column::State.eq(job::State::Scheduled))
            .filter(job::Column::RunAt.lte(self.sqlite_now()))
            .order_by_asc(job::Column::RunAt)
            .limit(limit.min(MAX_LIMIT));
        // To look takes no write lock, as an update of nothing would.
        if due
            .clone()
            .into_tuple::<Uuid>()
            .one(&self.db)
            .await?
            .is_none()
        {
            return Ok(0);
        }
        let promoted = job::Entity::update_many()
            .col_expr(job::Column::State, Expr::value(job::State::Available))
            .filter(job::Column::Id.in_subquery(due.into_query()))
            .exec(&self.db)
            .await?;
        Ok(promoted.rows_affected)
    }
}
