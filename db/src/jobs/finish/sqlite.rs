//! Finishing on SQLite: report by report in one transaction.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel,
};
use uuid::Uuid;

use super::Report;
use crate::{
    entities::{finished_job, job},
    jobs::{JobStore, store::sqlite_after},
};

impl JobStore {
    /// The leases, each a job and a number, whose report is taken.
    pub(super) async fn finish_sqlite(
        &self,
        reports: &[Report],
    ) -> Result<HashSet<(Uuid, i32)>, DbErr> {
        let txn = self.begin().await?;
        let mut taken = HashSet::new();
        for report in reports {
            let row = job::Entity::find_by_id(report.job_id).one(&txn).await?;
            let holds = |job: &job::Model| {
                job.lease_number == report.lease_number && job.state == job::State::Running
            };
            let is_taken = match row {
                Some(job) if holds(&job) => {
                    self.apply_sqlite(&txn, job, report).await?;
                    true
                }
                Some(job) => job.lease_number == report.lease_number,
                None => self.finished_under(&txn, report).await?,
            };
            if is_taken {
                taken.insert(report.lease());
            }
        }
        txn.commit().await?;
        Ok(taken)
    }

    async fn apply_sqlite(
        &self,
        txn: &DatabaseTransaction,
        mut job: job::Model,
        report: &Report,
    ) -> Result<(), DbErr> {
        let now = self.sqlite_now();
        if let Some(errors) = &report.errors {
            job.errors = serde_json::from_str(errors).ok();
        }
        if let Some(state) = report.outcome.end() {
            if state == finished_job::State::Completed && !self.keeps_completed {
                return job::Entity::delete_by_id(job.id).exec(txn).await.map(drop);
            }
            return bury(txn, job, state, now).await;
        }
        let delay = report.outcome.delay().unwrap_or_default();
        let state = if delay.is_zero() {
            job::State::Available
        } else {
            job::State::Scheduled
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
        job.update(txn).await.map(drop)
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

/// Moves a job to the finished ones.
pub(in crate::jobs) async fn bury(
    txn: &DatabaseTransaction,
    job: job::Model,
    state: finished_job::State,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    job::Entity::delete_by_id(job.id).exec(txn).await?;
    let finished = finished_job::Model {
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
        request_id: job.request_id,
        traceparent: job.traceparent,
        baggage: job.baggage,
        enqueued_by: job.enqueued_by,
    };
    // Somebody may have put a copy there by hand.
    finished_job::Entity::delete_by_id(job.id).exec(txn).await?;
    finished_job::Entity::insert(finished.into_active_model())
        .exec(txn)
        .await
        .map(drop)
}
