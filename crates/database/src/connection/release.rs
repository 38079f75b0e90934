//! What a pool does with a connection that comes back: one that may still be inside a transaction is
//! closed. Its next user would hold locks for ever, and lose what it believes to have committed.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use sqlx::{
    Connection, PgConnection, Row as _, SqliteConnection, pool::PoolConnectionMetadata, raw_sql,
};

use super::in_time;

/// For so long after a connection of a pool has answered, its other connections are believed to.
const BELIEVED: Duration = Duration::from_millis(100);

/// For so long after a `BEGIN` was given up, every connection that comes back is asked for its state. The
/// library takes connections back in tasks, which a busy process may start late.
const SUSPICIOUS: Duration = Duration::from_mins(1);

/// When a `BEGIN` was last given up, in any pool of this process.
static GIVEN_UP: Mutex<Option<Instant>> = Mutex::new(None);

type Verdict<'c> = Pin<Box<dyn Future<Output = Result<bool, sqlx::Error>> + Send + 'c>>;

/// Says when it is dropped that a `BEGIN` was given up. The library does not know then whether the server
/// has begun a transaction.
#[derive(Debug)]
pub(super) struct GivenUp;

impl Drop for GivenUp {
    fn drop(&mut self) {
        *GIVEN_UP.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}

/// Tries connections as they come back. A caller that ran out of patience leaves its statement behind, and
/// the library awaits the end of that without a limit.
pub(super) fn postgres()
-> impl Fn(&mut PgConnection, PoolConnectionMetadata) -> Verdict<'_> + Send + Sync + 'static {
    let answered = Arc::new(Mutex::new(None::<Instant>));
    move |connection, _| {
        let answered = Arc::clone(&answered);
        Box::pin(async move {
            if is_within(SUSPICIOUS, &GIVEN_UP) || !is_within(BELIEVED, &answered) {
                if in_time(is_in_transaction(connection)).await? {
                    tracing::debug!("a connection came back inside a transaction and is closed");
                    return Ok(false);
                }
                *answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            }
            Ok(true)
        })
    }
}

fn is_within(duration: Duration, last: &Mutex<Option<Instant>>) -> bool {
    let last = *last.lock().unwrap_or_else(PoisonError::into_inner);
    last.is_some_and(|last| last.elapsed() < duration)
}

/// Asks the server, whose transaction began with this statement unless there was one before. That holds
/// for the simple protocol only, in which the statement is one message.
async fn is_in_transaction(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let sql = "SELECT now() <> statement_timestamp()";
    raw_sql(sql).fetch_one(connection).await?.try_get(0)
}

/// Tries connections that have a transaction by the library's count. A rollback may still be queued, which
/// a ping flushes. It fails where SQLite has rolled back by itself, as it does when the disk is full: then
/// the count stays, and the next transaction would be a savepoint that nobody commits.
pub(super) fn sqlite(connection: &mut SqliteConnection, _: PoolConnectionMetadata) -> Verdict<'_> {
    Box::pin(async move {
        if connection.is_in_transaction() {
            connection.ping().await?;
        }
        Ok(!connection.is_in_transaction())
    })
}
