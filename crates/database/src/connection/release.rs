//! Checks connections that come back to a pool, and closes one that may be inside a transaction.
//! Its next user would hold locks forever, and lose what it believes to have committed.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use sqlx::{
    Connection, PgConnection, Row as _, SqliteConnection, pool::PoolConnectionMetadata, raw_sql,
};

use super::in_time;

/// After a connection of a pool has answered, its other connections are not checked for this long.
const BELIEVED: Duration = Duration::from_millis(100);

/// After a cancelled `BEGIN`, every connection that comes back is checked for this long. sqlx takes
/// connections back in tasks, which may start late in a busy process.
const SUSPICIOUS: Duration = Duration::from_mins(1);

/// When a `BEGIN` was last cancelled, in any pool of this process.
static GIVEN_UP: Mutex<Option<Instant>> = Mutex::new(None);

type Verdict<'c> = Pin<Box<dyn Future<Output = Result<bool, sqlx::Error>> + Send + 'c>>;

/// Notes, when it is dropped, that a `BEGIN` was cancelled. sqlx does not know then whether the
/// server has begun a transaction.
#[derive(Debug)]
pub(super) struct GivenUp;

impl Drop for GivenUp {
    fn drop(&mut self) {
        *GIVEN_UP.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}

/// Checks connections whose users may begin transactions in other ways than [`begin`](super::begin).
pub(super) fn postgres()
-> impl Fn(&mut PgConnection, PoolConnectionMetadata) -> Verdict<'_> + Send + Sync + 'static {
    let answered = Arc::new(Mutex::new(None::<Instant>));
    move |connection, metadata| {
        let answered = Arc::clone(&answered);
        Box::pin(async move {
            if is_within(BELIEVED, &answered) {
                return postgres_after_doubt(connection, metadata).await;
            }
            let is_free = is_free(connection).await?;
            if is_free {
                *answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            }
            Ok(is_free)
        })
    }
}

/// Checks connections only after a cancelled [`begin`](super::begin). An idle loop would send twice as
/// many statements with the other checks.
pub(super) fn postgres_after_doubt(
    connection: &mut PgConnection,
    _: PoolConnectionMetadata,
) -> Verdict<'_> {
    Box::pin(async move { Ok(!is_within(SUSPICIOUS, &GIVEN_UP) || is_free(connection).await?) })
}

/// Whether the connection is outside a transaction. There is a time limit: a cancelled caller may
/// have left a running statement, and sqlx waits for its end without one.
async fn is_free(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let is_free = !in_time(is_in_transaction(connection)).await?;
    if !is_free {
        tracing::debug!("a connection came back inside a transaction and is closed");
    }
    Ok(is_free)
}

fn is_within(duration: Duration, last: &Mutex<Option<Instant>>) -> bool {
    let last = *last.lock().unwrap_or_else(PoisonError::into_inner);
    last.is_some_and(|last| last.elapsed() < duration)
}

/// Asks the server. Outside a transaction, this statement begins its own, at the same time. That
/// holds only for the simple protocol, which sends the statement as one message.
async fn is_in_transaction(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let sql = "SELECT now() <> statement_timestamp()";
    raw_sql(sql).fetch_one(connection).await?.try_get(0)
}

/// Checks connections that are inside a transaction by sqlx's count. If a rollback is still queued,
/// a ping flushes it. If SQLite has rolled back by itself, as with a full disk, the count stays
/// wrong, and the next transaction would be a savepoint without a commit.
pub(super) fn sqlite(connection: &mut SqliteConnection, _: PoolConnectionMetadata) -> Verdict<'_> {
    Box::pin(async move {
        if connection.is_in_transaction() {
            connection.ping().await?;
        }
        Ok(!connection.is_in_transaction())
    })
}
