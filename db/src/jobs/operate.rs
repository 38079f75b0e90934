//! What operators do with jobs: look, retry, cancel, pause.
//!
//! None of this is on the path of a job, so it is written for both databases at once, in a transaction.

mod look;

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait,
    IntoActiveModel, QueryFilter, QuerySelect, SqlErr, sea_query::OnConflict,
};
use thiserror::Error;
use uuid::Uuid;

pub use self::look::{Filter, JobDetail, QueueStats};
use super::{JobState, JobStore, finish::bury, store::wake};
use crate::entities::{finished_job, job, queue};

/// What became of a wish to cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// It waited, and will not run.
    AtOnce,
    /// It runs: its worker is told within seconds.
    Requested,
}

/// Why an operator's wish cannot be met.
#[derive(Debug, Error)]
pub enum OperateError {
    /// There is no such job, or it was pruned.
    #[error("there is no job {0}")]
    NotFound(Uuid),
    /// It is in another state than the wish asks for.
    #[error("the job {id} is {state}", state = .state.name())]
    State {
        /// The job.
        id: Uuid,
        /// Its state.
        state: JobState,
    },
    /// Another unfinished job has its unique key.
    #[error("an unfinished job of the same kind has the unique key of {0}")]
    KeyTaken(Uuid),
    /// The database refused.
    #[error(transparent)]
    Database(#[from] DbErr),
}

impl JobStore {
    /// Runs a job once more: one that is dead or was cancelled begins anew, with all its attempts; one that waits for its
    /// time need not wait any more.
    pub async fn retry(&self, id: Uuid) -> Result<(), OperateError> {
        let now = self.now().await?;
        let txn = self.begin().await?;
        if let Some(job) = find(&txn, id).await? {
            if job.state != job::State::Scheduled {
                return Err(OperateError::State {
                    id,
                    state: job.state.into(),
                });
            }
            wake(&txn, &job.queue).await?;
            let mut job = job.into_active_model();
            job.state = Set(job::State::Available);
            job.run_at = Set(now);
            job.update(&txn).await?;
        } else {
            revive(&txn, id, now).await?;
        }
        txn.commit().await?;
        Ok(())
    }

    /// Cancels a job that is not finished.
    pub async fn cancel(&self, id: Uuid) -> Result<Cancelled, OperateError> {
        let now = self.now().await?;
        let txn = self.begin().await?;
        let Some(job) = find(&txn, id).await? else {
            let finished = finished_job::Entity::find_by_id(id).one(&txn).await?;
            return Err(
                finished.map_or(OperateError::NotFound(id), |job| OperateError::State {
                    id,
                    state: job.state.into(),
                }),
            );
        };
        let outcome = if job.state == job::State::Running {
            let mut job = job.into_active_model();
            job.cancel_requested_at = Set(Some(now));
            job.update(&txn).await?;
            Cancelled::Requested
        } else {
            bury(&txn, vec![(job, finished_job::State::Cancelled)], now).await?;
            Cancelled::AtOnce
        };
        txn.commit().await?;
        Ok(outcome)
    }

    /// Claims nothing more from a queue. What runs goes on.
    pub async fn pause(&self, name: &str) -> Result<(), DbErr> {
        let paused_at = Some(self.now().await?);
        self.set_queue(queue::ActiveModel {
            name: Set(name.to_owned()),
            paused_at: Set(paused_at),
            ..Default::default()
        })
        .await
    }

    /// Claims from a queue again.
    pub async fn resume(&self, name: &str) -> Result<(), DbErr> {
        self.set_queue(queue::ActiveModel {
            name: Set(name.to_owned()),
            paused_at: Set(None),
            ..Default::default()
        })
        .await?;
        wake(&self.db, name).await
    }

    /// Lets at most `max_running` jobs of a queue run at once across all workers; `None`: no limit.
    pub async fn limit(&self, name: &str, max_running: Option<i32>) -> Result<(), DbErr> {
        self.set_queue(queue::ActiveModel {
            name: Set(name.to_owned()),
            max_running: Set(max_running),
            ..Default::default()
        })
        .await
    }

    /// Changes what is set in `row`, and leaves the rest as it is.
    async fn set_queue(&self, row: queue::ActiveModel) -> Result<(), DbErr> {
        let changed = [queue::Column::PausedAt, queue::Column::MaxRunning]
            .into_iter()
            .filter(|column| row.get(*column).is_set());
        let on_conflict = OnConflict::column(queue::Column::Name)
            .update_columns(changed)
            .to_owned();
        queue::Entity::insert(row)
            .on_conflict(on_conflict)
            .exec_without_returning(&self.db)
            .await?;
        Ok(())
    }
}

/// An unfinished job, which nobody changes before the transaction ends.
async fn find(txn: &DatabaseTransaction, id: Uuid) -> Result<Option<job::Model>, DbErr> {
    job::Entity::find_by_id(id).lock_exclusive().one(txn).await
}

/// A finished job waits again.
async fn revive(
    txn: &DatabaseTransaction,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<(), OperateError> {
    let finished = finished_job::Entity::find_by_id(id)
        .lock_exclusive()
        .one(txn)
        .await?;
    let finished = finished.ok_or(OperateError::NotFound(id))?;
    if finished.state == finished_job::State::Completed {
        return Err(OperateError::State {
            id,
            state: JobState::Completed,
        });
    }
    finished_job::Entity::delete_many()
        .filter(finished_job::Column::Id.eq(id))
        .exec(txn)
        .await?;
    wake(txn, &finished.queue).await?;
    let job = job::Model {
        id,
        kind: finished.kind,
        queue: finished.queue,
        priority: finished.priority,
        state: job::State::Available,
        payload: finished.payload,
        attempt: 0,
        max_attempts: finished.max_attempts,
        timeout_seconds: finished.timeout_seconds,
        unique_key: finished.unique_key,
        run_at: now,
        created_at: finished.created_at,
        started_at: None,
        worker_id: None,
        lease_number: finished.lease_number,
        deaths: 0,
        cancel_requested_at: None,
        errors: finished.errors,
        request_id: finished.request_id,
        traceparent: finished.traceparent,
        baggage: finished.baggage,
        enqueued_by: finished.enqueued_by,
    };
    match job::Entity::insert(job.into_active_model()).exec(txn).await {
        Ok(_) => Ok(()),
        Err(error) => match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => Err(OperateError::KeyTaken(id)),
            _ => Err(error.into()),
        },
    }
}
