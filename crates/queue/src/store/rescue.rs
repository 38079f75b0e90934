//! Rescuing: takes the jobs of dead workers from them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, FromQueryResult,
    QueryFilter,
};
use uuid::Uuid;

use super::{
    AttemptError, ERRORS_KEPT, JobStore, append_error,
    archive::archive,
    handle::{postgres, sqlite_after, wake},
};
use crate::{JobState, entities::worker};

/// A job is dead when this many worker processes have died while they held it.
pub const DEATHS_ALLOWED: i32 = 5;

/// The error of a job whose worker died.
const DEATH: &str = "the worker process died";

/// The result of a rescue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rescued {
    /// How many jobs may run again.
    pub requeued: u64,
    /// How many jobs are dead, because too many processes died while they held them.
    pub dead: u64,
}

impl JobStore {
    /// Takes the jobs of workers whose lease is over. A death costs no attempt, but is counted
    /// separately. After the first one the job may run again at once, then it waits 15 s, 30 s and
    /// 1 min, and after [`DEATHS_ALLOWED`] it is dead. A job to cancel does not wait.
    pub async fn rescue(&self) -> Result<Rescued, DbErr> {
        if self.is_sqlite() {
            return self.rescue_sqlite().await;
        }
        let errors_kept = i64::try_from(ERRORS_KEPT).unwrap_or(i64::MAX);
        let values = [
            self.postgres_now(),
            DEATHS_ALLOWED.into(),
            DEATH.into(),
            errors_kept.into(),
        ];
        let row = self.db.query_one_raw(postgres(RESCUE, values)).await?;
        let queues: Option<Vec<String>> = row
            .as_ref()
            .map_or(Ok(None), |row| row.try_get("", "queues"))?;
        for queue in queues.unwrap_or_default() {
            wake(&self.db, &queue).await?;
        }
        let count = |column| -> Result<u64, DbErr> {
            let count: i64 = row.as_ref().map_or(Ok(0), |row| row.try_get("", column))?;
            Ok(u64::try_from(count).unwrap_or_default())
        };
        Ok(Rescued {
            requeued: count("requeued")?,
            dead: count("dead")?,
        })
    }

    async fn rescue_sqlite(&self) -> Result<Rescued, DbErr> {
        let now = self.sqlite_now();
        let txn = self.begin().await?;
        worker::Entity::delete_many()
            .filter(worker::Column::ExpiresAt.lt(now))
            .exec(&txn)
            .await?;
        let orphans = Orphan::find_by_statement(self.statement(ORPHANS, []));
        let orphans = orphans.all(&txn).await?;
        let mut rescued = Rescued::default();
        for job in orphans {
            if self.rescue_job_sqlite(&txn, job, now).await? {
                rescued.requeued += 1;
            } else {
                rescued.dead += 1;
            }
        }
        txn.commit().await?;
        Ok(rescued)
    }

    /// Puts a job back into the queue or archives it. Returns whether it may run again.
    async fn rescue_job_sqlite(
        &self,
        txn: &DatabaseTransaction,
        job: Orphan,
        now: DateTime<Utc>,
    ) -> Result<bool, DbErr> {
        let error = AttemptError::new(job.attempt, now, DEATH);
        let errors = append_error(job.errors.as_deref(), error);
        let deaths = job.deaths.min(DEATHS_ALLOWED) + 1;
        let wait = match deaths {
            1 | DEATHS_ALLOWED.. => None,
            // The next claim cancels it.
            _ if job.is_cancelled => None,
            deaths => Some(Duration::from_secs(15 << (deaths - 2))),
        };
        let state = if wait.is_none() {
            JobState::Available
        } else {
            JobState::Scheduled
        };
        let values = [
            job.id.into(),
            state.into(),
            wait.map(|wait| sqlite_after(now, wait)).into(),
            deaths.into(),
            errors.into(),
        ];
        txn.execute_raw(self.statement(REQUEUE, values)).await?;
        let is_dead = deaths >= DEATHS_ALLOWED;
        if is_dead {
            archive(txn, &[job.id], JobState::Dead, now).await?;
        }
        Ok(!is_dead)
    }
}

/// A running job without a worker. Only its task can decode its payload.
#[derive(FromQueryResult)]
struct Orphan {
    id: Uuid,
    attempt: i32,
    deaths: i32,
    is_cancelled: bool,
    errors: Option<String>,
}

/// Walks `job_running` and the primary key of `worker`.
const ORPHANS: &str = "
SELECT id, attempt, deaths, cancel_requested_at IS NOT NULL AS is_cancelled, CAST(errors AS text) AS errors
FROM job
WHERE state = 'running' AND worker_id NOT IN (SELECT id FROM worker)";

/// Walks the primary key. Without a time, the job keeps its place.
const REQUEUE: &str = concat!(
    "
UPDATE job
SET state = $2, run_at = COALESCE($3, run_at), deaths = $4, errors = $5, worker_id = NULL, attempt = ",
    refunded_attempt!(),
    ", lease_number = ",
    next_lease!(),
    "
WHERE id = $1"
);

/// Walks `job_running` and the primary key of `worker`. The snapshot is older than the delete, so
/// it still has the rows of expired workers: hence both conditions. `$2` is the number of deaths
/// allowed, `$3` the error, `$4` the number of errors kept. The errors are never cast to jsonb,
/// which cannot hold a `\u0000`: one such job would stop the rescue of all.
const RESCUE: &str = concat!(
    "
WITH now AS (
    SELECT COALESCE($1, clock_timestamp()) AS at
), expired AS (
    DELETE FROM worker USING now WHERE expires_at < now.at RETURNING worker.id
), orphan AS (
    SELECT id, LEAST(deaths, $2) + 1 AS deaths, (
        SELECT json_agg(error ORDER BY number)
        FROM (
            SELECT error, number FROM json_array_elements(errors) WITH ORDINALITY AS earlier (error, number)
            WHERE number > json_array_length(errors) - $4 + 1
            UNION ALL
            SELECT json_build_object('attempt', attempt, 'at', (SELECT at FROM now), 'error', $3::text),
                   json_array_length(COALESCE(errors, '[]')) + 1
        ) AS kept
    ) AS errors
    FROM job
    WHERE state = 'running'
      AND (worker_id IN (SELECT id FROM expired)
           OR NOT EXISTS (SELECT FROM worker WHERE worker.id = job.worker_id))
    FOR UPDATE SKIP LOCKED
), requeued AS (
    UPDATE job
    SET state = CASE WHEN orphan.deaths = 1 OR cancel_requested_at IS NOT NULL THEN 'available' ELSE 'scheduled' END,
        run_at = CASE WHEN orphan.deaths = 1 OR cancel_requested_at IS NOT NULL THEN job.run_at
                      ELSE (SELECT at FROM now) + interval '15 s' * power(2, orphan.deaths - 2) END,
        deaths = orphan.deaths, errors = orphan.errors, worker_id = NULL,
        lease_number = ",
    next_lease!(),
    ", attempt = ",
    refunded_attempt!(),
    "
    FROM orphan
    WHERE job.id = orphan.id AND orphan.deaths < $2
    RETURNING job.queue, job.state
), archived AS (
    DELETE FROM job USING orphan
    WHERE job.id = orphan.id AND orphan.deaths >= $2
    RETURNING job.*, orphan.deaths AS all_deaths, orphan.errors AS all_errors
), dead AS (
    INSERT INTO finished_job (",
    kept_columns!(),
    ", state, finished_at, attempt, lease_number, deaths, errors)
    SELECT ",
    kept_columns!(),
    ", 'dead', (SELECT at FROM now), ",
    refunded_attempt!(),
    ", ",
    next_lease!(),
    ", all_deaths, all_errors
    FROM archived
    ON CONFLICT (id) DO UPDATE SET state = excluded.state, attempt = excluded.attempt,
        finished_at = excluded.finished_at, lease_number = excluded.lease_number, errors = excluded.errors
    RETURNING id
)
SELECT (SELECT count(*) FROM requeued) AS requeued, (SELECT count(*) FROM dead) AS dead,
       (SELECT array_agg(DISTINCT queue) FROM requeued WHERE state = 'available') AS queues"
);
