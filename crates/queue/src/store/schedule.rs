//! Schedules: stores the last tick of each, so that any number of workers enqueue a tick once.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ConnectionTrait, DbErr};

use super::{JobStore, NewJob};

/// How far in the future a last tick may be. A clock that is set back by less fires no tick twice.
const TOLERANCE: TimeDelta = TimeDelta::minutes(1);

impl JobStore {
    /// The last tick of a schedule that was enqueued. A new schedule begins at `now`, without
    /// earlier ticks. So does one whose last tick is more than a minute in the future: the clock
    /// was wrong then, and the schedule would be silent until that time.
    pub async fn last_tick(
        &self,
        schedule: &str,
        now: DateTime<Utc>,
    ) -> Result<DateTime<Utc>, DbErr> {
        // Walks the primary key.
        let sql = "SELECT last_tick_at FROM schedule WHERE name = $1";
        if let Some(row) = self
            .db
            .query_one_raw(self.statement(sql, [schedule.into()]))
            .await?
        {
            let last: DateTime<Utc> = row.try_get("", "last_tick_at")?;
            if last - now <= TOLERANCE {
                return Ok(last);
            }
            tracing::warn!(schedule, %last, %now, "the last tick is in the future: it is set to now");
            let sql = "UPDATE schedule SET last_tick_at = $2 WHERE name = $1 AND last_tick_at = $3";
            let values = [schedule.into(), now.into(), last.into()];
            self.db.execute_raw(self.statement(sql, values)).await?;
            return Ok(now);
        }
        let sql =
            "INSERT INTO schedule (name, last_tick_at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        self.db
            .execute_raw(self.statement(sql, [schedule.into(), now.into()]))
            .await?;
        Ok(now)
    }

    /// Enqueues the job of a tick, unless a worker has already done so. Returns whether it did.
    pub async fn fire(
        &self,
        schedule: &str,
        tick: DateTime<Utc>,
        job: NewJob,
    ) -> Result<bool, DbErr> {
        let txn = self.begin().await?;
        // The row's lock makes a second worker wait and then find the tick done. On PostgreSQL the
        // lock ends if the worker that has it is frozen or cut off.
        let mut sql = "UPDATE schedule SET last_tick_at = $2 WHERE name = $1 AND last_tick_at < $2"
            .to_owned();
        if !self.is_sqlite() {
            sql.push_str(concat!(" RETURNING ", end_if_idle!()));
        }
        let advanced = txn
            .execute_raw(self.statement(&sql, [schedule.into(), tick.into()]))
            .await?;
        if advanced.rows_affected() == 0 {
            return Ok(false);
        }
        job.enqueue(&txn).await?;
        txn.commit().await?;
        Ok(true)
    }
}
