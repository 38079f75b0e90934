//! What a PostgreSQL session is told before it is used.

use std::time::Duration;

use sqlx::{Executor as _, PgConnection};

/// How often the server looks, while a statement runs, whether its client is still there.
const CLIENT_CHECK: &str = "SET client_connection_check_interval = '2s'";

/// By so much the server's patience exceeds the client's.
const MARGIN: Duration = Duration::from_secs(1);

/// The longest pause inside a transaction where statements have no limit.
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// Refuses a standby, and limits what the session leaves behind when its client gives up: without limits,
/// statements that no client waits for keep their connections, while new ones are made.
///
/// `patience` is how long the client waits for a statement. The server ends a statement soon after. It ends
/// the wait for a lock shortly before, so that the client learns why and keeps its connection. What the
/// role or the database limits already is left as it is. Behind a pooler nothing is set, because it would
/// hold for other clients too.
pub(super) async fn prepare(
    connection: &mut PgConnection,
    patience: Option<Duration>,
) -> Result<(), sqlx::Error> {
    // A pooler gives the client's prepared statements names of its own.
    let sql = "SELECT pg_is_in_recovery(),
                      EXISTS (SELECT FROM pg_prepared_statements WHERE name LIKE 'sqlx_s_%')";
    let (is_standby, is_direct): (bool, bool) =
        sqlx::query_as(sql).fetch_one(&mut *connection).await?;
    // After a failover the old address may lead to a standby for a while. A connection to it would
    // stay in the pool, where every write fails on it.
    if is_standby {
        return Err(sqlx::Error::Protocol("the server is a standby".to_owned()));
    }
    if !is_direct {
        return Ok(());
    }
    match connection.execute(CLIENT_CHECK).await {
        // Not every system can tell.
        Ok(_) | Err(sqlx::Error::Database(_)) => {}
        Err(error) => return Err(error),
    }
    let lock = patience.map_or(Duration::ZERO, |patience| patience * 9 / 10);
    let statement = patience.map_or(Duration::ZERO, |patience| patience + MARGIN);
    let pause = patience.map_or(LONGEST_PAUSE, |patience| patience + MARGIN);
    let sql = "SELECT CASE current_setting(name) WHEN '0' THEN set_config(name, value, false) END
               FROM (VALUES ('lock_timeout', $1),
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
