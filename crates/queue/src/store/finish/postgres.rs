//! Finishing on PostgreSQL: one statement for each state in which jobs end, and one for the jobs
//! that go back to the queue.

use std::collections::HashSet;

use sea_orm::{ActiveEnum, ConnectionTrait, DbErr, SqlErr, Value, sea_query::ArrayType};
use uuid::Uuid;

use super::Report;
use crate::{
    JobState,
    store::{
        JobStore,
        handle::{milliseconds, postgres},
    },
};

impl JobStore {
    /// Stores reports. Returns the leases, each a job and a number, whose report is refused.
    pub(super) async fn finish_postgres(
        &self,
        reports: &[Report],
    ) -> Result<HashSet<(Uuid, i32)>, DbErr> {
        // Sorted by id, because the statements search the ids, and because two processes that
        // finish jobs at once must not deadlock.
        let mut reports: Vec<&Report> = reports.iter().collect();
        reports.sort_by_key(|report| report.lease());

        let mut refused = HashSet::new();
        let ends = JobState::FINISHED.map(Some);
        for end in ends.into_iter().chain([None]) {
            let alike: Vec<&Report> = reports
                .iter()
                .copied()
                .filter(|report| report.outcome.end() == end)
                .collect();
            if alike.is_empty() {
                continue;
            }
            let changed = match end {
                Some(state) => self.end_postgres(&alike, state).await?,
                None => self.requeue_postgres(&alike).await?,
            };
            if changed < alike.len() as u64 {
                let taken = self.taken(&alike).await?;
                let leases = alike.iter().map(|report| report.lease());
                refused.extend(leases.filter(|lease| !taken.contains(lease)));
            }
        }
        Ok(refused)
    }

    /// Ends the jobs in this state, and returns how many ended.
    async fn end_postgres(&self, ended: &[&Report], state: JobState) -> Result<u64, DbErr> {
        if state == JobState::Completed && !self.keeps_completed {
            return self.changed(DELETE, [ids(ended), leases(ended)]).await;
        }
        let moved = self.move_postgres(ended, state).await;
        match moved.as_ref().map_err(DbErr::sql_err) {
            Err(Some(SqlErr::UniqueConstraintViolation(_))) => {
                self.changed(REMOVE_COPIES, [ids(ended)]).await?;
                self.move_postgres(ended, state).await
            }
            _ => moved,
        }
    }

    async fn move_postgres(&self, ended: &[&Report], state: JobState) -> Result<u64, DbErr> {
        let (now, state) = (self.postgres_now(), state.to_value().into());
        let (ids, leases) = (ids(ended), leases(ended));
        if ended.iter().all(|report| report.errors.is_none()) {
            return self.changed(MOVE, [ids, leases, now, state]).await;
        }
        let values = [ids, leases, now, state, errors(ended)];
        self.changed(MOVE_WITH_ERRORS, values).await
    }

    /// Puts the jobs back into the queue, and returns how many. Those whose cancellation was requested
    /// meanwhile do not run again.
    async fn requeue_postgres(&self, requeued: &[&Report]) -> Result<u64, DbErr> {
        let delays = array(ArrayType::BigInt, requeued, |report| delay(report).into());
        let refunds = array(ArrayType::Int, requeued, |report| {
            i32::from(!report.outcome.costs_an_attempt()).into()
        });
        let (ids, leases, errors) = (ids(requeued), leases(requeued), errors(requeued));
        let values = [self.postgres_now(), ids, leases, delays, refunds, errors];
        let rows = self.db.query_all_raw(postgres(REQUEUE, values)).await?;
        for row in &rows {
            if row.try_get_by_index(1)? {
                // If this fails, the next claim cancels it.
                self.cancel_unless_finished(row.try_get_by_index(0)?)
                    .await?;
            }
        }
        Ok(rows.len() as u64)
    }

    /// The leases whose reports are taken, now or earlier.
    async fn taken(&self, reports: &[&Report]) -> Result<HashSet<(Uuid, i32)>, DbErr> {
        let values = [ids(reports), leases(reports), self.keeps_completed.into()];
        let rows = self.db.query_all_raw(postgres(TAKEN, values)).await?;
        rows.iter()
            .map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?)))
            .collect()
    }

    /// How many rows a statement changed.
    async fn changed<const N: usize>(&self, sql: &str, values: [Value; N]) -> Result<u64, DbErr> {
        let result = self.db.execute_raw(postgres(sql, values)).await?;
        Ok(result.rows_affected())
    }
}

/// The library cannot put a NULL into an array, so "none" travels as -1.
fn delay(report: &Report) -> i64 {
    report.outcome.delay().map_or(-1, milliseconds)
}

/// Here "none" travels as an empty text.
fn errors(reports: &[&Report]) -> Value {
    let text = |report: &Report| report.errors.clone().unwrap_or_default().into();
    array(ArrayType::String, reports, text)
}

fn ids(reports: &[&Report]) -> Value {
    array(ArrayType::Uuid, reports, |report| report.job_id.into())
}

fn leases(reports: &[&Report]) -> Value {
    array(ArrayType::Int, reports, |report| report.lease_number.into())
}

fn array(ty: ArrayType, reports: &[&Report], value: impl Fn(&Report) -> Value) -> Value {
    Value::Array(
        ty,
        Some(Box::new(
            reports.iter().map(|report| value(report)).collect(),
        )),
    )
}

// All three statements walk the primary key of `job`, once per report. `ANY(ARRAY(SELECT …))`
// ensures this for any statistics. A join with the reports does not: after an `ANALYZE` while no
// job runs, PostgreSQL expects no rows, and compares every running job with every report
// (benchmark `execute`: a tenth of the speed). So a binary search among the sorted ids finds the
// report, and the condition for "running" does not match the index `job_running`.

macro_rules! delete {
    () => {
        "
DELETE FROM job
WHERE id = ANY(ARRAY(SELECT unnest($1::uuid[])))
  AND lease_number = ($2::int[])[width_bucket(id, $1::uuid[])]
  AND state NOT IN ('scheduled', 'available')"
    };
}

const DELETE: &str = delete!();

/// `$4` is the state in which they end. There is no `ON CONFLICT`, because every insertion would
/// then look for a copy first.
macro_rules! move_job {
    ($errors:literal) => {
        concat!(
            "WITH ended AS (",
            delete!(),
            " RETURNING *)
INSERT INTO finished_job (",
            kept_columns!(),
            ", state, finished_at, attempt, lease_number, deaths, errors)
SELECT ",
            kept_columns!(),
            ", $4, COALESCE($3, clock_timestamp()), attempt, lease_number, deaths, ",
            $errors,
            "
FROM ended"
        )
    };
}

const MOVE: &str = move_job!("errors");

const MOVE_WITH_ERRORS: &str =
    move_job!("COALESCE(NULLIF(($5::text[])[width_bucket(id, $1::uuid[])], '')::json, errors)");

/// Deletes finished copies of unfinished jobs, which somebody has inserted by hand.
const REMOVE_COPIES: &str = "
DELETE FROM finished_job
WHERE id = ANY(ARRAY(SELECT unnest($1::uuid[]))) AND EXISTS (SELECT FROM job WHERE job.id = finished_job.id)";

/// Without a delay, the job keeps its place. A job to cancel does not wait.
const REQUEUE: &str = "
UPDATE job
SET state = CASE WHEN ($4::bigint[])[width_bucket(id, $2::uuid[])] > 0 AND cancel_requested_at IS NULL
                 THEN 'scheduled' ELSE 'available' END,
    run_at = CASE WHEN ($4::bigint[])[width_bucket(id, $2::uuid[])] < 0 THEN run_at
                  ELSE COALESCE($1, clock_timestamp())
                       + ($4::bigint[])[width_bucket(id, $2::uuid[])] * interval '1 millisecond' END,
    attempt = GREATEST(attempt - ($5::int[])[width_bucket(id, $2::uuid[])], 0),
    errors = COALESCE(NULLIF(($6::text[])[width_bucket(id, $2::uuid[])], '')::json, errors),
    worker_id = NULL
WHERE id = ANY(ARRAY(SELECT unnest($2::uuid[])))
  AND lease_number = ($3::int[])[width_bucket(id, $2::uuid[])]
  AND state NOT IN ('scheduled', 'available')
RETURNING id, cancel_requested_at IS NOT NULL";

/// Walks the primary keys of both tables, once per report. `$3`: completed jobs are kept; if not, a
/// job that is in neither table has completed.
const TAKEN: &str = "
SELECT report.id, report.lease_number FROM unnest($1::uuid[], $2::int[]) AS report (id, lease_number)
WHERE EXISTS (SELECT FROM finished_job
              WHERE finished_job.id = report.id AND finished_job.lease_number = report.lease_number)
   OR EXISTS (SELECT FROM job
              WHERE job.id = report.id AND job.lease_number = report.lease_number)
   OR NOT $3 AND NOT EXISTS (SELECT FROM job WHERE job.id = report.id
                                UNION ALL SELECT FROM finished_job WHERE finished_job.id = report.id)";
