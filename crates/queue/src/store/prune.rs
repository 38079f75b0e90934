//! Pruning: deletes old finished jobs.

use std::time::Duration;

use chrono::TimeDelta;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
};

use super::{
    JobStore,
    handle::{MAX_LIMIT, milliseconds, postgres},
};
use crate::{
    JobState,
    entities::finished_job::{Column, Entity},
};

impl JobStore {
    /// Deletes up to `limit` jobs that ended in `state` more than `age` ago, the oldest first, and
    /// returns how many.
    pub async fn prune(&self, state: JobState, age: Duration, limit: u64) -> Result<u64, DbErr> {
        if self.is_sqlite() {
            let before = self.sqlite_now() - TimeDelta::milliseconds(milliseconds(age));
            let old = Entity::find()
                .select_only()
                .column(Column::Id)
                .filter(Column::State.eq(state))
                .filter(Column::FinishedAt.lt(before))
                .order_by_asc(Column::FinishedAt)
                .limit(limit.min(MAX_LIMIT))
                .into_query();
            let pruned = Entity::delete_many()
                .filter(Column::Id.in_subquery(old))
                .exec(&self.db)
                .await?;
            return Ok(pruned.rows_affected);
        }
        // Walks `finished_job_age` (state, finished_at) over the rows that are too old. The time is
        // a subquery, as in `promote`.
        let sql = "
            DELETE FROM finished_job
            WHERE id = ANY(ARRAY(
                SELECT id FROM finished_job
                WHERE state = $2 AND finished_at < (SELECT COALESCE($1, clock_timestamp()) - $3 * interval '1 millisecond')
                ORDER BY finished_at
                LIMIT $4
            ))";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = [
            self.postgres_now(),
            state.into(),
            milliseconds(age).into(),
            limit.into(),
        ];
        Ok(self
            .db
            .execute_raw(postgres(sql, values))
            .await?
            .rows_affected())
    }
}
