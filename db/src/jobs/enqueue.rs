//! Enqueueing: a row in the caller's transaction.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement, Value};
use thiserror::Error;
use uuid::Uuid;

use super::{
    NOTIFY_CHANNEL, Task,
    metadata::{self, Metadata},
    store::{is_sqlite, milliseconds, sqlite_after, sqlite_now},
};

/// How large a payload may be, in bytes of JSON.
pub const PAYLOAD_LIMIT: usize = 1024 * 1024;

/// At most one wake-up per this long and process: one per transaction would cost a third of the
/// rate. What falls between is found by the workers' polling, which is quick while there is work.
const NOTIFY_INTERVAL: Duration = Duration::from_millis(10);

/// A job that is enqueued, or was already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enqueued {
    /// The job's id.
    pub id: Uuid,
    /// Whether an unfinished job with the same unique key was there: `id` is that job's then.
    pub is_duplicate: bool,
}

/// Why a job was not enqueued.
#[derive(Debug, Error)]
pub enum EnqueueError {
    /// The payload cannot be written as JSON.
    #[error("the payload of {kind} cannot be written as JSON")]
    Payload {
        /// The task.
        kind: &'static str,
        /// What serde said.
        #[source]
        source: serde_json::Error,
    },
    /// The payload is larger than [`PAYLOAD_LIMIT`].
    #[error("the payload of {kind} has {size} bytes, more than {PAYLOAD_LIMIT}")]
    PayloadTooLarge {
        /// The task.
        kind: &'static str,
        /// The payload's size.
        size: usize,
    },
    /// The database refused.
    #[error(transparent)]
    Database(#[from] DbErr),
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
    pub(super) fn new<T: Task>(task: &T) -> Self {
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

    /// Lets it wait in another queue than its task's.
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

    /// Gives it another number of attempts than its task's, at least 1.
    pub fn max_attempts(self, max_attempts: i32) -> Self {
        Self {
            max_attempts: max_attempts.max(1),
            ..self
        }
    }

    /// Gives its attempts another limit than its task's, in whole seconds.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self {
            timeout: Some(timeout),
            ..self
        }
    }

    /// Enqueues nothing if an unfinished job of this task has the same key.
    pub fn unique_key(self, key: impl Into<String>) -> Self {
        Self {
            unique_key: Some(key.into()),
            ..self
        }
    }

    /// Enqueues it in the transaction that `db` belongs to.
    ///
    /// Workers hear of it when the transaction commits.
    pub async fn enqueue<C: ConnectionTrait>(self, db: &C) -> Result<Enqueued, EnqueueError> {
        let kind = self.kind;
        let payload = self
            .payload
            .map_err(|source| EnqueueError::Payload { kind, source })?;
        if payload.len() > PAYLOAD_LIMIT {
            return Err(EnqueueError::PayloadTooLarge {
                kind,
                size: payload.len(),
            });
        }
        let row = Row {
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
        };
        row.insert(db).await.map_err(EnqueueError::from)
    }
}

struct Row {
    id: Uuid,
    kind: &'static str,
    payload: String,
    metadata: Metadata,
    queue: String,
    priority: i32,
    max_attempts: i32,
    timeout: Option<Duration>,
    unique_key: Option<String>,
    delay: Duration,
}

impl Row {
    async fn insert<C: ConnectionTrait>(self, db: &C) -> Result<Enqueued, DbErr> {
        let sqlite = is_sqlite(db);
        loop {
            let statement = if sqlite {
                self.sqlite()
            } else {
                self.postgres()
            };
            if db.query_one_raw(statement).await?.is_some() {
                return Ok(Enqueued {
                    id: self.id,
                    is_duplicate: false,
                });
            }
            // The key is taken. Its job may end between the two statements: then the key is free
            // again.
            let backend = db.get_database_backend();
            let values = [Value::from(self.kind), self.unique_key.clone().into()];
            let there = Statement::from_sql_and_values(backend, FIND_BY_KEY, values);
            if let Some(row) = db.query_one_raw(there).await? {
                return Ok(Enqueued {
                    id: row.try_get("", "id")?,
                    is_duplicate: true,
                });
            }
        }
    }

    fn postgres(&self) -> Statement {
        let delay = milliseconds(self.delay);
        let wakes = self.delay.is_zero() && notify_is_due();
        let mut values = self.values(None);
        values.extend([delay.into(), wakes.into(), NOTIFY_CHANNEL.into()]);
        Statement::from_sql_and_values(DbBackend::Postgres, INSERT_POSTGRES, values)
    }

    fn sqlite(&self) -> Statement {
        let now = sqlite_now();
        let mut values = self.values(Some(now));
        values.push(sqlite_after(now, self.delay).into());
        Statement::from_sql_and_values(DbBackend::Sqlite, INSERT_SQLITE, values)
    }

    /// The values `$1` to `$13` of both statements.
    fn values(&self, now: Option<DateTime<Utc>>) -> Vec<Value> {
        let timeout = self
            .timeout
            .map(|limit| i32::try_from(limit.as_secs()).unwrap_or(i32::MAX));
        let state = if self.delay.is_zero() {
            "available"
        } else {
            "scheduled"
        };
        vec![
            self.id.into(),
            self.kind.into(),
            self.queue.as_str().into(),
            self.priority.into(),
            state.into(),
            self.payload.as_str().into(),
            self.max_attempts.into(),
            timeout.into(),
            self.unique_key.clone().into(),
            now.into(),
            self.metadata.request_id.clone().into(),
            self.metadata.traceparent.clone().into(),
            self.metadata.enqueued_by.clone().into(),
        ]
    }
}

/// `$14` is the delay in milliseconds, `$15` whether to wake the workers, `$16` the channel. The
/// duplicate is left alone: `DO UPDATE` would lock its row for as long as the caller's transaction
/// is open.
const INSERT_POSTGRES: &str = "
WITH enqueued AS (
    INSERT INTO job (id, kind, queue, priority, state, payload, max_attempts, timeout_seconds, unique_key,
                     created_at, request_id, traceparent, enqueued_by, run_at)
    SELECT $1, $2, $3, $4, $5, $6::json, $7, $8, $9, now.at, $11, $12, $13,
           now.at + $14 * interval '1 millisecond'
    FROM (SELECT COALESCE($10, clock_timestamp()) AS at) AS now
    ON CONFLICT (kind, unique_key) WHERE unique_key IS NOT NULL DO NOTHING
    RETURNING id, queue
)
SELECT id, CASE WHEN $15 THEN pg_notify($16, queue)::text END AS notified FROM enqueued";

const INSERT_SQLITE: &str = "
INSERT INTO job (id, kind, queue, priority, state, payload, max_attempts, timeout_seconds, unique_key,
                 created_at, request_id, traceparent, enqueued_by, run_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (kind, unique_key) WHERE unique_key IS NOT NULL DO NOTHING
RETURNING id";

/// Walks the unique index `job_unique_key`.
const FIND_BY_KEY: &str = "SELECT id FROM job WHERE kind = $1 AND unique_key = $2";

/// Whether this enqueueing should wake the workers, which also counts as doing so.
fn notify_is_due() -> bool {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    let mut last = LAST
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let is_due = last.is_none_or(|last| last.elapsed() >= NOTIFY_INTERVAL);
    if is_due {
        *last = Some(Instant::now());
    }
    is_due
}
