//! One row in one statement.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement, Value};
use uuid::Uuid;

use super::{Enqueued, notify};
use crate::{
    Metadata,
    store::{
        NOTIFY_CHANNEL,
        handle::{is_sqlite, milliseconds, sqlite_after, sqlite_now},
    },
};

/// A row of `job` to insert.
pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) kind: &'static str,
    pub(super) payload: String,
    pub(super) metadata: Metadata,
    pub(super) queue: String,
    pub(super) priority: i32,
    pub(super) max_attempts: i32,
    pub(super) timeout: Option<Duration>,
    pub(super) unique_key: Option<String>,
    pub(super) delay: Duration,
}

impl Row {
    /// Inserts it, unless its key is taken.
    pub(super) async fn insert<C: ConnectionTrait>(&self, db: &C) -> Result<Enqueued, DbErr> {
        let sqlite = is_sqlite(db);
        loop {
            let statement = if sqlite {
                self.sqlite()
            } else {
                self.postgres()
            };
            if db.execute_raw(statement).await?.rows_affected() > 0 {
                return Ok(self.enqueued());
            }
            // The job that has the key may end between the two statements. Then the key is free.
            if let Some(duplicate) = self.duplicate(db).await? {
                return Ok(duplicate);
            }
        }
    }

    pub(super) fn enqueued(&self) -> Enqueued {
        Enqueued {
            id: self.id,
            is_duplicate: false,
        }
    }

    /// The job that has the key.
    async fn duplicate<C: ConnectionTrait>(&self, db: &C) -> Result<Option<Enqueued>, DbErr> {
        let values = [Value::from(self.kind), self.unique_key.clone().into()];
        let backend = db.get_database_backend();
        let statement = Statement::from_sql_and_values(backend, FIND_BY_KEY, values);
        let Some(row) = db.query_one_raw(statement).await? else {
            return Ok(None);
        };
        Ok(Some(Enqueued {
            id: row.try_get("", "id")?,
            is_duplicate: true,
        }))
    }

    pub(super) fn state(&self) -> &'static str {
        if self.delay.is_zero() {
            "available"
        } else {
            "scheduled"
        }
    }

    pub(super) fn timeout_seconds(&self) -> Option<i32> {
        self.timeout
            .map(|limit| i32::try_from(limit.as_secs()).unwrap_or(i32::MAX))
    }

    fn postgres(&self) -> Statement {
        let (mut sql, mut values) = (INSERT_POSTGRES.to_owned(), self.values(None));
        values.push(milliseconds(self.delay).into());
        if self.delay.is_zero() && notify::is_due(&self.queue) {
            sql.push_str(AND_WAKE);
            values.push(NOTIFY_CHANNEL.into());
        }
        Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
    }

    fn sqlite(&self) -> Statement {
        let now = sqlite_now();
        let mut values = self.values(Some(now));
        values.push(sqlite_after(now, self.delay).into());
        Statement::from_sql_and_values(DbBackend::Sqlite, INSERT_SQLITE, values)
    }

    /// The values `$1` to `$11` of both statements.
    fn values(&self, now: Option<DateTime<Utc>>) -> Vec<Value> {
        vec![
            self.id.into(),
            self.kind.into(),
            self.queue.as_str().into(),
            self.priority.into(),
            self.state().into(),
            self.payload.as_str().into(),
            self.max_attempts.into(),
            self.timeout_seconds().into(),
            self.unique_key.clone().into(),
            now.into(),
            self.metadata.to_json().into(),
        ]
    }
}

/// `$12` is the delay in milliseconds. A duplicate is left alone, because `DO UPDATE` would lock
/// its row for as long as the caller's transaction is open.
const INSERT_POSTGRES: &str = "
INSERT INTO job (id, kind, queue, priority, state, payload, max_attempts, timeout_seconds, unique_key,
                 created_at, metadata, run_at)
SELECT $1, $2, $3, $4, $5, $6::json, $7, $8, $9, now.at, $11::json,
       now.at + $12 * interval '1 millisecond'
FROM (SELECT COALESCE($10, clock_timestamp()) AS at) AS now
ON CONFLICT (kind, unique_key) WHERE unique_key IS NOT NULL DO NOTHING";

/// Only if it is due: returning a row costs a tenth (benchmark `enqueue-one-16`).
const AND_WAKE: &str = " RETURNING pg_notify($13, queue)";

const INSERT_SQLITE: &str = "
INSERT INTO job (id, kind, queue, priority, state, payload, max_attempts, timeout_seconds, unique_key,
                 created_at, metadata, run_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (kind, unique_key) WHERE unique_key IS NOT NULL DO NOTHING";

/// Walks the unique index `job_unique_key`.
const FIND_BY_KEY: &str = "SELECT id FROM job WHERE kind = $1 AND unique_key = $2";
