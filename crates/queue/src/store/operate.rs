//! What operators do with jobs: look, retry, cancel, pause.
//!
//! None of this is on the path of a job, so one transaction serves for both databases.

mod look;

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr,
    EntityTrait, QueryFilter, QuerySelect, SqlErr, Statement, sea_query::OnConflict,
};
use thiserror::Error;
use uuid::Uuid;

pub use self::look::{Filter, JobDetail, QueueStats};
use super::{JobStore, archive::archive, handle::wake};
use crate::{
    JobState,
    entities::{finished_job, job, queue},
};

/// The result of a cancellation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// The job waited, and will not run.
    AtOnce,
    /// The job is running. Its worker is told within seconds.
    Requested,
}

/// Why an operation failed.
#[derive(Debug, Error)]
pub enum OperateError {
    /// There is no such job, or it was pruned.
    #[error("there is no job {0}")]
    NotFound(Uuid),
    /// The job's state does not allow the operation.
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
    /// Runs a job again. A dead or cancelled job starts over, with all its attempts. A scheduled
    /// job becomes available now.
    pub async fn retry(&self, id: Uuid) -> Result<(), OperateError> {
        let now = self.now().await?;
        let txn = self.begin().await?;
        if let Some((state, queue)) = find(&txn, id).await? {
            if state != JobState::Scheduled {
                return Err(OperateError::State { id, state });
            }
            wake(&txn, &queue).await?;
            let changes = job::ActiveModel {
                state: Set(JobState::Available),
                run_at: Set(now),
                cancel_requested_at: Set(None),
                ..Default::default()
            };
            change(&txn, id, changes).await?;
        } else {
            revive(&txn, id, now).await?;
        }
        txn.commit().await?;
        Ok(())
    }

    /// Cancels an unfinished job.
    pub async fn cancel(&self, id: Uuid) -> Result<Cancelled, OperateError> {
        let now = self.now().await?;
        let txn = self.begin().await?;
        let Some((state, _)) = find(&txn, id).await? else {
            return Err(match find_finished(&txn, id).await? {
                Some((state, _)) => OperateError::State { id, state },
                None => OperateError::NotFound(id),
            });
        };
        let outcome = if state == JobState::Running {
            let changes = job::ActiveModel {
                cancel_requested_at: Set(Some(now)),
                ..Default::default()
            };
            change(&txn, id, changes).await?;
            Cancelled::Requested
        } else {
            archive(&txn, &[id], JobState::Cancelled, now).await?;
            Cancelled::AtOnce
        };
        txn.commit().await?;
        Ok(outcome)
    }

    /// Cancels a job that may have ended or begun again meanwhile.
    pub(super) async fn cancel_unless_finished(&self, id: Uuid) -> Result<(), DbErr> {
        match self.cancel(id).await {
            Err(OperateError::Database(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// Stops the claims from a queue. Running jobs continue.
    pub async fn pause(&self, name: &str) -> Result<(), DbErr> {
        let paused_at = Some(self.now().await?);
        self.set_queue(queue::ActiveModel {
            name: Set(name.to_owned()),
            paused_at: Set(paused_at),
            ..Default::default()
        })
        .await
    }

    /// Allows claims from a queue again.
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

    /// Changes the columns that are set in `row`, and no others.
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

type StateAndQueue = (JobState, String);

/// The state and the queue of an unfinished job, locked until the transaction ends. Only its task can
/// decode its payload.
async fn find(txn: &DatabaseTransaction, id: Uuid) -> Result<Option<StateAndQueue>, DbErr> {
    job::Entity::find_by_id(id)
        .select_only()
        .columns([job::Column::State, job::Column::Queue])
        .lock_exclusive()
        .into_tuple()
        .one(txn)
        .await
}

/// The same for a finished job.
async fn find_finished(
    txn: &DatabaseTransaction,
    id: Uuid,
) -> Result<Option<StateAndQueue>, DbErr> {
    finished_job::Entity::find_by_id(id)
        .select_only()
        .columns([finished_job::Column::State, finished_job::Column::Queue])
        .lock_exclusive()
        .into_tuple()
        .one(txn)
        .await
}

async fn change(
    txn: &DatabaseTransaction,
    id: Uuid,
    changes: job::ActiveModel,
) -> Result<(), DbErr> {
    let job = job::Entity::update_many().set(changes);
    job.filter(job::Column::Id.eq(id)).exec(txn).await.map(drop)
}

/// Makes a finished job available again.
async fn revive(
    txn: &DatabaseTransaction,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<(), OperateError> {
    let finished = find_finished(txn, id).await?;
    let (state, queue) = finished.ok_or(OperateError::NotFound(id))?;
    if state == JobState::Completed {
        return Err(OperateError::State { id, state });
    }
    wake(txn, &queue).await?;
    let values = [id.into(), now.into()];
    let revive = Statement::from_sql_and_values(txn.get_database_backend(), REVIVE, values);
    txn.execute_raw(revive)
        .await
        .map_err(|error| match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => OperateError::KeyTaken(id),
            _ => error.into(),
        })?;
    finished_job::Entity::delete_by_id(id).exec(txn).await?;
    Ok(())
}

/// Copies the row inside the database, as [`archive`] does.
const REVIVE: &str = "
INSERT INTO job (id, kind, queue, priority, payload, max_attempts, timeout_seconds, unique_key, created_at,
                 metadata, lease_number, errors, state, run_at, attempt, deaths)
SELECT id, kind, queue, priority, payload, max_attempts, timeout_seconds, unique_key, created_at,
       metadata, lease_number, errors, 'available', $2, 0, 0
FROM finished_job WHERE id = $1";
