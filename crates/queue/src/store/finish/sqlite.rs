//! Finishing on SQLite: in one transaction, what ends together.

use std::collections::{HashMap, HashSet, hash_map::Entry};

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait,
    IntoActiveModel, QueryFilter,
};
use uuid::Uuid;

use super::Report;
use crate::{
    JobState,
    entities::{finished_job, job},
    store::{JobStore, handle::sqlite_after},
};

/// How many jobs one statement moves: a statement has 32,766 variables, and a finished job 22 columns.
const AT_ONCE: usize = 1_000;

impl JobStore {
    /// The leases, each a job and a number, whose report is refused.
    pub(super) async fn finish_sqlite(
        &self,
        reports: &[Report],
    ) -> Result<HashSet<(Uuid, i32)>, DbErr> {
        let txn = self.begin().await?;
        let mut taken = HashSet::new();
        for reports in reports.chunks(AT_ONCE) {
            self.finish_some_sqlite(&txn, reports, &mut taken).await?;
        }
        txn.commit().await?;
        let leases = reports.iter().map(Report::lease);
        Ok(leases.filter(|lease| !taken.contains(lease)).collect())
    }

    async fn finish_some_sqlite(
        &self,
        txn: &DatabaseTransaction,
        reports: &[Report],
        taken: &mut HashSet<(Uuid, i32)>,
    ) -> Result<(), DbErr> {
        let now = self.sqlite_now();
        let ids = reports.iter().map(|report| report.job_id);
        let jobs = job::Entity::find().filter(job::Column::Id.is_in(ids));
        let jobs = jobs.all(txn).await?.into_iter();
        let mut jobs: HashMap<Uuid, job::Model> = jobs.map(|job| (job.id, job)).collect();
        let mut ended = Vec::new();
        for report in reports {
            // One that comes twice finds nothing to do.
            if taken.contains(&report.lease()) {
                continue;
            }
            let is_taken = match jobs.entry(report.job_id) {
                Entry::Occupied(row) if row.get().lease_number != report.lease_number => false,
                Entry::Occupied(row) if row.get().state == JobState::Running => {
                    let (id, mut job) = row.remove_entry();
                    if let Some(errors) = &report.errors {
                        job.errors = serde_json::from_str(errors).ok();
                    }
                    if let Some(state) = report.outcome.end() {
                        ended.push((job, state));
                    } else {
                        jobs.insert(id, requeue(txn, job, report, now).await?);
                    }
                    true
                }
                Entry::Occupied(_) => true,
                Entry::Vacant(_) => self.finished_under(txn, report).await?,
            };
            if is_taken {
                taken.insert(report.lease());
            }
        }
        self.end_sqlite(txn, ended, now).await
    }

    async fn end_sqlite(
        &self,
        txn: &DatabaseTransaction,
        ended: Vec<(job::Model, JobState)>,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        let is_kept = |state| self.keeps_completed || state != JobState::Completed;
        let (kept, gone): (Vec<_>, Vec<_>) =
            ended.into_iter().partition(|(_, state)| is_kept(*state));
        remove(txn, gone.iter().map(|(job, _)| job.id).collect()).await?;
        bury(txn, kept, now).await
    }

    /// Whether a job that is not among the unfinished ended under this lease. Where completed jobs
    /// are not kept, one that is nowhere did.
    async fn finished_under(
        &self,
        txn: &DatabaseTransaction,
        report: &Report,
    ) -> Result<bool, DbErr> {
        let finished = finished_job::Entity::find_by_id(report.job_id)
            .one(txn)
            .await?;
        Ok(match finished {
            Some(job) => job.lease_number == report.lease_number,
            None => !self.keeps_completed,
        })
    }
}

/// The job goes on: it waits, or has its place again.
async fn requeue(
    txn: &DatabaseTransaction,
    job: job::Model,
    report: &Report,
    now: DateTime<Utc>,
) -> Result<job::Model, DbErr> {
    let delay = report.outcome.delay().unwrap_or_default();
    let state = if delay.is_zero() {
        JobState::Available
    } else {
        JobState::Scheduled
    };
    let run_at = match report.outcome.delay() {
        Some(delay) => sqlite_after(now, delay),
        None => job.run_at,
    };
    let attempt = job.attempt - i32::from(!report.outcome.costs_an_attempt());
    let errors = job.errors.clone();
    let mut job = job.into_active_model();
    job.state = Set(state);
    job.run_at = Set(run_at);
    job.attempt = Set(attempt);
    job.errors = Set(errors);
    job.worker_id = Set(None);
    job.update(txn).await
}

/// Moves jobs to the finished ones, [`AT_ONCE`] at the most.
pub(in crate::store) async fn bury(
    txn: &DatabaseTransaction,
    jobs: Vec<(job::Model, JobState)>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    if jobs.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = jobs.iter().map(|(job, _)| job.id).collect();
    remove(txn, ids.clone()).await?;
    // Somebody may have put a copy there by hand.
    let copies = finished_job::Entity::delete_many().filter(finished_job::Column::Id.is_in(ids));
    copies.exec(txn).await?;
    let finished = jobs.into_iter().map(|(job, state)| finished_job::Model {
        id: job.id,
        kind: job.kind,
        queue: job.queue,
        priority: job.priority,
        state,
        payload: job.payload,
        attempt: job.attempt,
        max_attempts: job.max_attempts,
        timeout_seconds: job.timeout_seconds,
        unique_key: job.unique_key,
        run_at: job.run_at,
        created_at: job.created_at,
        started_at: job.started_at,
        finished_at: now,
        lease_number: job.lease_number,
        deaths: job.deaths,
        errors: job.errors,
        metadata: job.metadata,
    });
    let finished = finished.map(IntoActiveModel::into_active_model);
    finished_job::Entity::insert_many(finished)
        .exec_without_returning(txn)
        .await
        .map(drop)
}

async fn remove(txn: &DatabaseTransaction, ids: Vec<Uuid>) -> Result<(), DbErr> {
    if ids.is_empty() {
        return Ok(());
    }
    let jobs = job::Entity::delete_many().filter(job::Column::Id.is_in(ids));
    jobs.exec(txn).await.map(drop)
}
