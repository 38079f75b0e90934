//! Finishing on SQLite: one transaction for all reports.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QuerySelect,
};
use uuid::Uuid;

use super::Report;
use crate::{
    JobState,
    entities::job,
    store::{
        JobStore,
        archive::{AT_ONCE, archive, remove},
        handle::sqlite_after,
    },
};

impl JobStore {
    /// Stores reports. Returns the leases, each a job and a number, whose report is refused.
    pub(super) async fn finish_sqlite(
        &self,
        reports: &[Report],
    ) -> Result<HashSet<(Uuid, i32)>, DbErr> {
        let txn = self.begin().await?;
        let now = self.sqlite_now();
        let mut running = running(&txn, reports).await?;
        let (mut ended, mut refused) = (Vec::new(), HashSet::new());
        for report in reports {
            // The same report a second time finds nothing to do.
            if let Some(is_cancelled) = running.remove(&report.lease()) {
                // A job whose cancellation was requested meanwhile does not run again.
                let cancelled = is_cancelled.then_some(JobState::Cancelled);
                let end = report.outcome.end().or(cancelled);
                ended.extend(end.map(|state| (report.job_id, state)));
                // A job that ends is changed here only if it has new errors.
                if end.is_none() || report.errors.is_some() {
                    self.leave_sqlite(&txn, report, now).await?;
                }
            } else if !self.is_taken_sqlite(&txn, report).await? {
                refused.insert(report.lease());
            }
        }
        for state in JobState::FINISHED {
            let alike = ended.iter().filter(|(_, end)| *end == state);
            let alike: Vec<Uuid> = alike.map(|(id, _)| *id).collect();
            if state == JobState::Completed && !self.keeps_completed {
                remove(&txn, &alike).await?;
            } else {
                archive(&txn, &alike, state, now).await?;
            }
        }
        txn.commit().await?;
        Ok(refused)
    }

    /// Takes the job from its worker: it waits, or is available at its old place.
    async fn leave_sqlite(
        &self,
        txn: &DatabaseTransaction,
        report: &Report,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        let delay = report.outcome.delay();
        let state = if delay.unwrap_or_default().is_zero() {
            JobState::Available
        } else {
            JobState::Scheduled
        };
        let values = [
            report.job_id.into(),
            state.into(),
            delay.map(|delay| sqlite_after(now, delay)).into(),
            i32::from(!report.outcome.costs_an_attempt()).into(),
            report.errors.clone().into(),
        ];
        let leave = self.statement(LEAVE, values);
        txn.execute_raw(leave).await.map(drop)
    }

    /// Whether a report was taken earlier. If completed jobs are not kept, a missing job has
    /// completed.
    async fn is_taken_sqlite(
        &self,
        txn: &DatabaseTransaction,
        report: &Report,
    ) -> Result<bool, DbErr> {
        let leases = self.statement(LEASES, [report.job_id.into()]);
        let leases = txn.query_all_raw(leases).await?;
        let leases = leases.iter().map(|row| row.try_get("", "lease_number"));
        let leases = leases.collect::<Result<Vec<i32>, _>>()?;
        let is_gone = leases.is_empty() && !self.keeps_completed;
        Ok(is_gone || leases.contains(&report.lease_number))
    }
}

/// The leases of the reported jobs that are running, and whether a cancellation was requested.
async fn running(
    txn: &DatabaseTransaction,
    reports: &[Report],
) -> Result<HashMap<(Uuid, i32), bool>, DbErr> {
    let mut running = HashMap::new();
    for reports in reports.chunks(AT_ONCE) {
        let ids = reports.iter().map(|report| report.job_id);
        let some: Vec<(Uuid, i32, Option<DateTime<Utc>>)> = job::Entity::find()
            .select_only()
            .columns([
                job::Column::Id,
                job::Column::LeaseNumber,
                job::Column::CancelRequestedAt,
            ])
            .filter(job::Column::State.eq(JobState::Running))
            .filter(job::Column::Id.is_in(ids))
            .into_tuple()
            .all(txn)
            .await?;
        let requested = |(id, lease, at): (_, _, Option<_>)| ((id, lease), at.is_some());
        running.extend(some.into_iter().map(requested));
    }
    Ok(running)
}

/// Walks the primary key. Without a time, the job keeps its place.
const LEAVE: &str = "
UPDATE job
SET state = $2, run_at = COALESCE($3, run_at), attempt = max(attempt - $4, 0), errors = COALESCE($5, errors),
    worker_id = NULL
WHERE id = $1";

/// Walks both primary keys.
const LEASES: &str = "
SELECT lease_number FROM job WHERE id = $1
UNION ALL SELECT lease_number FROM finished_job WHERE id = $1";
