//! Prepares a PostgreSQL session before its first use.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use sqlx::{Executor as _, PgConnection};

/// How often the server checks during a statement that its client is still connected.
const CLIENT_CHECK: &str = "SET client_connection_check_interval = '2s'";

/// How much later than the client the server gives up.
const MARGIN: Duration = Duration::from_secs(1);

/// How long a transaction may idle if statements have no limit.
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// For how long the server lets a session of a pool idle (`idle_session_timeout`).
#[derive(Debug, Default)]
pub(super) struct IdleLimit(AtomicU64);

impl IdleLimit {
    /// 0 means no limit, and servers before PostgreSQL 14 have none.
    fn set(&self, milliseconds: Option<i64>) {
        let milliseconds = milliseconds.and_then(|limit| u64::try_from(limit).ok());
        self.0.store(milliseconds.unwrap_or_default(), Relaxed);
    }

    /// Whether a session that idled for so long may be over soon. A ping restarts its idle time.
    pub(super) fn is_near(&self, idle: Duration) -> bool {
        let limit = self.0.load(Relaxed);
        limit > 0 && idle >= Duration::from_millis(limit) / 2
    }
}

/// Refuses a standby and a read-only session, and sets time limits and the isolation in the server.
/// Without the limits, statements whose client has given up would keep their connections while the
/// pool opens new ones. All statements are written for READ COMMITTED.
///
/// `patience` is how long the client waits for a statement. The server ends a statement soon after,
/// and the wait for a lock shortly before, so that the client learns the reason and keeps its
/// connection. Limits of the role or the database are kept. Behind a pooler nothing is set, because
/// it would affect other clients too.
pub(super) async fn prepare(
    connection: &mut PgConnection,
    patience: Option<Duration>,
    idle_limit: &IdleLimit,
) -> Result<(), sqlx::Error> {
    // A pooler renames the client's prepared statements.
    let sql = "SELECT pg_is_in_recovery(), current_setting('transaction_read_only')::bool,
                      EXISTS (SELECT FROM pg_prepared_statements WHERE name LIKE 'sqlx_s_%'),
                    (EXTRACT(EPOCH FROM current_setting('idle_session_timeout', true)::interval) * 1000)::bigint";
    let (is_standby, is_read_only, is_direct, idle_milliseconds): (bool, bool, bool, Option<i64>) =
        sqlx::query_as(sql).fetch_one(&mut *connection).await?;
    // After a failover the old address may lead to a standby for a while, and a host with a full disk
    // makes new sessions read-only. Every write on such a connection would fail, also later.
    if is_standby || is_read_only {
        return Err(sqlx::Error::Protocol("the server is read-only".to_owned()));
    }
    idle_limit.set(idle_milliseconds);
    if !is_direct {
        return Ok(());
    }
    match connection.execute(CLIENT_CHECK).await {
        // Not every operating system supports it.
        Ok(_) | Err(sqlx::Error::Database(_)) => {}
        Err(error) => return Err(error),
    }
    let lock = patience.map_or(Duration::ZERO, |patience| patience * 9 / 10);
    let statement = patience.map_or(Duration::ZERO, |patience| patience + MARGIN);
    let pause = patience.map_or(LONGEST_PAUSE, |patience| patience + MARGIN);
    let sql = "SELECT CASE WHEN current_setting(name) IN ('0', 'serializable', 'repeatable read')
                           THEN set_config(name, value, false) END
               FROM (VALUES ('default_transaction_isolation', 'read committed'),
                            ('lock_timeout', $1),
                            ('statement_timeout', $2),
                            ('idle_in_transaction_session_timeout', $3)) AS settings (name, value)";
    sqlx::query(sql)
        .bind(milliseconds(lock))
        .bind(milliseconds(statement))
        .bind(milliseconds(pause))
        .execute(connection)
        .await
        .map(drop)
}

fn milliseconds(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}
