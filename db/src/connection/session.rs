//! What a PostgreSQL session is told before it is used.

use std::time::Duration;

use sqlx::{Executor as _, PgConnection};

/// How often the server looks, while a statement runs, whether its client is still there.
const CLIENT_CHECK: &str = "SET client_connection_check_interval = '2s'";

/// By so much the server's patience exceeds the client's, for a lock and for a whole statement.
const LOCK_MARGIN: Duration = Duration::from_millis(500);
const STATEMENT_MARGIN: Duration = Duration::from_secs(1);

/// The longest pause inside a transaction where statements have no limit.
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// Refuses a standby, and limits what the session leaves behind when its client gives up: without limits
/// statements that nobody waits for keep their connections, while new ones are made.
///
/// `patience` is how long the client waits for a statement. What the role or the database limits
/// already is left as it is. Behind a pooler nothing is set, for it would hold for sessions of others.
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
    let limit =
        |margin| patience.map_or_else(|| "0".to_owned(), |time| milliseconds(time + margin));
    let pause = patience.map_or(LONGEST_PAUSE, |time| time + STATEMENT_MARGIN);
    let sql = "SELECT CASE current_setting(name) WHEN '0' THEN set_config(name, value, false) END
               FROM (VALUES ('lock_timeout', $1),
                            ('statement_timeout', $2),
                            ('idle_in_transaction_session_timeout', $3)) AS settings (name, value)";
    sqlx::query(sql)
        .bind(limit(LOCK_MARGIN))
        .bind(limit(STATEMENT_MARGIN))
        .bind(milliseconds(pause))
        .execute(connection)
        .await
        .map(drop)
}

fn milliseconds(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}
