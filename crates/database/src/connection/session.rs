//! Prepares a PostgreSQL session before its first use.

use std::time::Duration;

use sqlx::{Executor as _, PgConnection};

/// How often the server checks during a statement that its client is still connected.
const CLIENT_CHECK: &str = "SET client_connection_check_interval = '2s'";

/// How much later than the client the server gives up.
const MARGIN: Duration = Duration::from_secs(1);

/// How long a transaction may idle if statements have no limit.
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

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
) -> Result<(), sqlx::Error> {
    // A pooler renames the client's prepared statements.
    let sql = "SELECT pg_is_in_recovery(), current_setting('transaction_read_only')::bool,
                      EXISTS (SELECT FROM pg_prepared_statements WHERE name LIKE 'sqlx_s_%')";
    let (is_standby, is_read_only, is_direct): (bool, bool, bool) =
        sqlx::query_as(sql).fetch_one(&mut *connection).await?;
    // After a failover the old address may lead to a standby for a while, and a host with a full disk
    // makes new sessions read-only. Every write on such a connection would fail, also later.
    if is_standby || is_read_only {
        return Err(sqlx::Error::Protocol("the server is read-only".to_owned()));
    }
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
