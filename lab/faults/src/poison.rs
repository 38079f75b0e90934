//! Jobs that no worker can run, and how each must end.

use std::sync::Mutex;

use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::order;

/// A task that no worker knows.
pub(crate) const UNKNOWN_KIND: &str = "no_such_task";

/// Invalid payloads of the service's task.
const SPOILT: [&str; 5] = [
    "null",
    "[]",
    r#"{"order_id": "one"}"#,
    r#"{"order_id": 99999999999999}"#,
    r#"{"order_id": "\u0000"}"#,
];

/// A spoilt job waits for its second attempt, and is dead after it.
const ATTEMPTS: i32 = 2;

/// The expected state of a job with an unknown task: it costs no attempt in the first hour.
const UNHARMED: &str = "
SELECT EXISTS (SELECT FROM job WHERE id = $1 AND attempt = 0 AND state IN ('scheduled', 'available'))";

/// The expected end of a spoilt job.
const BURIED: &str = "
SELECT EXISTS (SELECT FROM finished_job
               WHERE id = $1 AND state = 'dead' AND attempt = $2
                 AND errors::text LIKE '%the payload is not this task''s%')";

/// The poison of a run.
#[derive(Debug, Default)]
pub(crate) struct Poison {
    spoilt: Mutex<Vec<Uuid>>,
    unknown: Mutex<Vec<Uuid>>,
}

impl Poison {
    /// Adds some of each sort, and returns how many jobs that are.
    pub(crate) async fn add(&self, database_url: &str) -> sqlx::Result<usize> {
        let mut connection = PgConnection::connect(database_url).await?;
        for payload in SPOILT {
            let id = insert(&mut connection, order::TASK, payload).await?;
            self.spoilt.lock().unwrap().push(id);
        }
        let id = insert(&mut connection, UNKNOWN_KIND, "{}").await?;
        self.unknown.lock().unwrap().push(id);
        connection.close().await?;
        Ok(SPOILT.len() + 1)
    }

    pub(crate) fn spoilt(&self) -> Vec<Uuid> {
        self.spoilt.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.spoilt().len() + self.unknown.lock().unwrap().len()
    }

    /// The jobs that did not end as expected.
    pub(crate) async fn unexpected(
        &self,
        connection: &mut PgConnection,
    ) -> sqlx::Result<Vec<Uuid>> {
        let mut unexpected = Vec::new();
        for id in self.spoilt() {
            let query = sqlx::query_scalar(BURIED).bind(id).bind(ATTEMPTS);
            let is_buried: bool = query.fetch_one(&mut *connection).await?;
            unexpected.extend((!is_buried).then_some(id));
        }
        let unknown = self.unknown.lock().unwrap().clone();
        for id in unknown {
            let query = sqlx::query_scalar(UNHARMED).bind(id);
            let is_unharmed: bool = query.fetch_one(&mut *connection).await?;
            unexpected.extend((!is_unharmed).then_some(id));
        }
        Ok(unexpected)
    }
}

async fn insert(connection: &mut PgConnection, kind: &str, payload: &str) -> sqlx::Result<Uuid> {
    let id = Uuid::now_v7();
    let sql = "
        INSERT INTO job (id, kind, queue, state, payload, max_attempts, run_at, created_at)
        VALUES ($1, $2, 'default', 'available', $3::json, $4, now(), now())";
    let query = sqlx::query(sql).bind(id).bind(kind).bind(payload);
    query.bind(ATTEMPTS).execute(connection).await?;
    Ok(id)
}
