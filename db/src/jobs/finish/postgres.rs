//! Finishing on PostgreSQL: a statement for the jobs that end, one for those that go on.

use std::collections::HashSet;

use sea_orm::{ActiveEnum, ConnectionTrait, DbErr, Value, sea_query::ArrayType};
use uuid::Uuid;

use super::Report;
use crate::jobs::{
    JobStore,
    store::{milliseconds, postgres},
};

impl JobStore {
    /// The leases, each a job and a number, whose report is taken.
    pub(super) async fn finish_postgres(
        &self,
        reports: &[Report],
    ) -> Result<HashSet<(Uuid, i32)>, DbErr> {
        // In the order of the ids, so that two that finish at once cannot lock each other out.
        let mut reports: Vec<&Report> = reports.iter().collect();
        reports.sort_by_key(|report| report.job_id);
        let (ended, requeued): (Vec<_>, Vec<_>) = reports
            .iter()
            .copied()
            .partition(|report| report.outcome.end().is_some());

        let mut taken = HashSet::new();
        if !ended.is_empty() {
            let states = texts(&ended, |report| {
                report.outcome.end().map(|state| state.to_value())
            });
            let values = [
                self.postgres_now(),
                ids(&ended),
                leases(&ended),
                states,
                errors(&ended),
                self.keeps_completed.into(),
            ];
            taken.extend(self.returned_leases(FINISH, values).await?);
        }
        if !requeued.is_empty() {
            let delays = array(ArrayType::BigInt, &requeued, |report| delay(report).into());
            let refunds = array(ArrayType::Int, &requeued, |report| {
                i32::from(!report.outcome.costs_an_attempt()).into()
            });
            let (ids, leases, errors) = (ids(&requeued), leases(&requeued), errors(&requeued));
            let values = [self.postgres_now(), ids, leases, delays, refunds, errors];
            taken.extend(self.returned_leases(REQUEUE, values).await?);
        }
        let open: Vec<&Report> = reports
            .into_iter()
            .filter(|report| !taken.contains(&report.lease()))
            .collect();
        if !open.is_empty() {
            taken.extend(
                self.returned_leases(
                    TAKEN_BEFORE,
                    [ids(&open), leases(&open), self.keeps_completed.into()],
                )
                .await?,
            );
        }
        Ok(taken)
    }

    async fn returned_leases<const N: usize>(
        &self,
        sql: &str,
        values: [Value; N],
    ) -> Result<Vec<(Uuid, i32)>, DbErr> {
        let rows = self.db.query_all_raw(postgres(sql, values)).await?;
        rows.iter()
            .map(|row| Ok((row.try_get("", "id")?, row.try_get("", "lease_number")?)))
            .collect()
    }
}

/// The library cannot put a NULL into an array, so "none" travels as -1 and as an empty text.
fn delay(report: &Report) -> i64 {
    report.outcome.delay().map_or(-1, milliseconds)
}

fn texts(reports: &[&Report], text: impl Fn(&Report) -> Option<String>) -> Value {
    array(ArrayType::String, reports, |report| {
        text(report).unwrap_or_default().into()
    })
}

fn errors(reports: &[&Report]) -> Value {
    texts(reports, |report| report.errors.clone())
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

/// Walks the primary key of `job`, once per report.
const FINISH: &str = concat!(
    "
WITH report AS (
    SELECT * FROM unnest($2::uuid[], $3::int[], $4::text[], $5::text[])
        AS report (id, lease_number, state, errors)
), ended AS (
    DELETE FROM job USING report
    WHERE job.id = report.id AND job.lease_number = report.lease_number AND job.state = 'running'
    RETURNING job.*, report.state AS end_state, NULLIF(report.errors, '')::json AS all_errors
), kept AS (
    INSERT INTO finished_job (",
    kept_columns!(),
    ", state, finished_at, attempt, lease_number, deaths, errors)
    SELECT ",
    kept_columns!(),
    ", end_state, COALESCE($1, clock_timestamp()), attempt, lease_number, deaths,
           COALESCE(all_errors, errors)
    FROM ended
    WHERE $6 OR end_state <> 'completed'
    ON CONFLICT (id) DO UPDATE SET state = excluded.state, attempt = excluded.attempt,
        finished_at = excluded.finished_at, lease_number = excluded.lease_number, errors = excluded.errors
)
SELECT id, lease_number FROM ended"
);

/// Walks the primary key of `job`, once per report. No delay keeps the job's place.
const REQUEUE: &str = "
UPDATE job
SET state = CASE WHEN report.delay > 0 THEN 'scheduled' ELSE 'available' END,
    run_at = CASE WHEN report.delay < 0 THEN job.run_at
                  ELSE COALESCE($1, clock_timestamp()) + report.delay * interval '1 millisecond' END,
    attempt = job.attempt - report.refund,
    errors = COALESCE(NULLIF(report.errors, '')::json, job.errors),
    worker_id = NULL
FROM unnest($2::uuid[], $3::int[], $4::bigint[], $5::int[], $6::text[])
    AS report (id, lease_number, delay, refund, errors)
WHERE job.id = report.id AND job.lease_number = report.lease_number AND job.state = 'running'
RETURNING job.id, job.lease_number";

/// Walks the primary keys of both tables, once per report. `$3`: completed jobs are kept, so that one
/// that is in neither never was.
const TAKEN_BEFORE: &str = "
SELECT report.id, report.lease_number FROM unnest($1::uuid[], $2::int[]) AS report (id, lease_number)
WHERE EXISTS (SELECT FROM finished_job
              WHERE finished_job.id = report.id AND finished_job.lease_number = report.lease_number)
   OR EXISTS (SELECT FROM job
              WHERE job.id = report.id AND job.lease_number = report.lease_number)
   OR NOT $3 AND NOT EXISTS (SELECT FROM job WHERE job.id = report.id
                                UNION ALL SELECT FROM finished_job WHERE finished_job.id = report.id)";
