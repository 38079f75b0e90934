//! Enqueueing: a row in the caller's transaction.

mod many;
mod notify;
mod row;

use std::time::Duration;

use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use self::row::Row;
use crate::{Task, metadata, names};

/// How large a payload may be, in bytes of JSON.
pub const PAYLOAD_LIMIT: usize = 1024 * 1024;

/// A job that was enqueued, now or earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enqueued {
    /// The job's id.
    pub id: Uuid,
    /// Whether an unfinished job had the same unique key. Then `id` is that job's.
    pub is_duplicate: bool,
}

/// A job to be enqueued.
#[derive(Debug)]
#[must_use = "a job is not enqueued before enqueue() is awaited"]
pub struct NewJob {
    kind: &'static str,
    payload: Result<String, serde_json::Error>,
    queue: String,
    priority: i32,
    max_attempts: i32,
    timeout: Option<Duration>,
    unique_key: Option<String>,
    delay: Duration,
}

impl NewJob {
    pub(crate) fn new<T: Task>(task: &T) -> Self {
        Self {
            kind: T::KIND,
            payload: serde_json::to_string(task),
            queue: T::QUEUE.to_owned(),
            priority: T::PRIORITY,
            max_attempts: T::MAX_ATTEMPTS,
            timeout: None,
            unique_key: None,
            delay: Duration::ZERO,
        }
    }

    /// Runs it no sooner than after `delay`.
    pub fn delay(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Sets another queue than its task's. Its name has 1 to 100 letters, digits, `_`, `-` and `.`.
    pub fn queue(self, queue: impl Into<String>) -> Self {
        Self {
            queue: queue.into(),
            ..self
        }
    }

    /// Lower runs first; 0 is normal.
    pub fn priority(self, priority: i32) -> Self {
        Self { priority, ..self }
    }

    /// Sets another number of attempts than its task's, at least 1.
    pub fn max_attempts(self, max_attempts: i32) -> Self {
        Self {
            max_attempts: max_attempts.max(1),
            ..self
        }
    }

    /// Sets another timeout than its task's, in whole seconds and at least one.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self {
            timeout: Some(timeout.max(Duration::from_secs(1))),
            ..self
        }
    }

    /// Enqueues nothing if an unfinished job of this task has the same key, of at most 1,000 bytes. An
    /// empty key sets none.
    pub fn unique_key(self, key: impl Into<String>) -> Self {
        Self {
            unique_key: Some(key.into()).filter(|key| !key.is_empty()),
            ..self
        }
    }

    /// Enqueues it in the transaction that `db` belongs to. Workers hear of it when the transaction
    /// commits.
    ///
    /// # Errors
    /// The database refuses, the payload has more than 1 MiB of JSON, or a name or the key breaks its
    /// rule.
    pub async fn enqueue<C: ConnectionTrait>(self, db: &C) -> Result<Enqueued, DbErr> {
        self.into_row()?.insert(db).await
    }

    fn into_row(self) -> Result<Row, DbErr> {
        let kind = self.kind;
        names::check(kind, &self.queue, self.unique_key.as_deref())?;
        let payload = self.payload.map_err(|error| {
            DbErr::Custom(format!(
                "the payload of {kind} cannot be written as JSON: {error}"
            ))
        })?;
        if payload.len() > PAYLOAD_LIMIT {
            let size = payload.len();
            return Err(DbErr::Custom(format!(
                "the payload of {kind} has {size} bytes, more than {PAYLOAD_LIMIT}"
            )));
        }
        Ok(Row {
            id: Uuid::now_v7(),
            kind,
            payload,
            metadata: metadata::current(),
            queue: self.queue,
            priority: self.priority,
            max_attempts: self.max_attempts,
            timeout: self.timeout,
            unique_key: self.unique_key,
            delay: self.delay,
        })
    }
}

/// Enqueues many jobs in the transaction that `db` belongs to, a thousand per statement, and
/// returns a result for each, in the same order. If `db` is a transaction, an error means that none
/// exists.
pub async fn enqueue_many<C: ConnectionTrait>(
    db: &C,
    jobs: impl IntoIterator<Item = NewJob>,
) -> Result<Vec<Enqueued>, DbErr> {
    let rows = jobs
        .into_iter()
        .map(NewJob::into_row)
        .collect::<Result<Vec<_>, _>>()?;
    many::insert(db, &rows).await
}
