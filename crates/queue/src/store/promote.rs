//! Promoting: makes scheduled jobs available when they are due.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, sea_query::Expr,
};
use uuid::Uuid;

use super::{
    JobStore, NOTIFY_CHANNEL,
    handle::{MAX_LIMIT, postgres},
};
use crate::{JobState, entities::job};

impl JobStore {
    /// Makes up to `limit` scheduled jobs available that are due, the earliest first, and returns
    /// how many.
    pub async fn promote(&self, limit: u64) -> Result<u64, DbErr> {
        if self.is_sqlite() {
            return self.promote_sqlite(limit).await;
        }
        // Walks `job_scheduled` (run_at) over the rows that are due, and wakes the workers of each
        // queue. The time is a subquery: if it were read again for each row, it could not bound the
        // walk.
        let sql = "
            WITH promoted AS (
                UPDATE job SET state = 'available'
                WHERE id = ANY(ARRAY(
                    SELECT id FROM job
                    WHERE state = 'scheduled' AND run_at <= (SELECT COALESCE($1, clock_timestamp()))
                    ORDER BY run_at
                    LIMIT $2
                    FOR UPDATE SKIP LOCKED
                ))
                RETURNING queue
            ), woken AS (
                SELECT pg_notify($3, queue) FROM (SELECT DISTINCT queue FROM promoted) AS queues
            )
            SELECT (SELECT count(*) FROM promoted) AS promoted, (SELECT count(*) FROM woken) AS woken";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = [self.postgres_now(), limit.into(), NOTIFY_CHANNEL.into()];
        let row = self.db.query_one_raw(postgres(sql, values)).await?;
        let promoted: i64 = row.map_or(Ok(0), |row| row.try_get("", "promoted"))?;
        Ok(u64::try_from(promoted).unwrap_or_default())
    }

    async fn promote_sqlite(&self, limit: u64) -> Result<u64, DbErr> {
        let due = job::Entity::find()
            .select_only()
            .column(job::Column::Id)
            .filter(job::Column::State.eq(JobState::Scheduled))
            .filter(job::Column::RunAt.lte(self.sqlite_now()))
            .order_by_asc(job::Column::RunAt)
            .limit(limit.min(MAX_LIMIT));
        // A query takes no write lock. An update would, even if no job is due.
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
            .col_expr(job::Column::State, Expr::value(JobState::Available))
            .filter(job::Column::Id.in_subquery(due.into_query()))
            .exec(&self.db)
            .await?;
        Ok(promoted.rows_affected)
    }
}
