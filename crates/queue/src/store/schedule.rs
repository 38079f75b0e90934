//! Schedules: what each remembers, so that every tick is enqueued once however many workers run.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ConnectionTrait, DbErr};

use super::{JobStore, NewJob};

/// How far ahead a last tick may lie. A clock that is set back by less fires no tick twice.
const TOLERANCE: TimeDelta = TimeDelta::minutes(1);

impl JobStore {
    /// The last tick of a schedule that was enqueued. A schedule that is new begins at `now`: what it
    /// would have done before is not made up for. So does one whose last tick lies more than a minute
    /// ahead: the clock was wrong then, and the schedule would be silent until that time.
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
            tracing::warn!(schedule, %last, %now, "the last tick lies ahead: it is set to now");
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

    /// Enqueues the job of a tick, unless a worker did it already. Answers whether it did.
    pub async fn fire(
        &self,
        schedule: &str,
        tick: DateTime<Utc>,
        job: NewJob,
    ) -> Result<bool, DbErr> {
        let txn = self.begin().await?;
        // The row's lock makes a second worker wait, and then find the tick done; on PostgreSQL it ends with
        // a worker that is frozen or cut off while it has it.
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
