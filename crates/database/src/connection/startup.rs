//! Waits for a PostgreSQL that is not up yet, and fails at once if waiting cannot help.

use std::{
    io,
    time::{Duration, Instant},
};

use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};

use super::{ACQUIRE_TIMEOUT, ConnectError, STARTUP_PATIENCE};
use crate::DatabaseUrl;

/// The codes for a prepared statement that already exists, and for one that does not.
const MIXED_UP: [&str; 2] = ["42P05", "26000"];

/// Waits up to [`STARTUP_PATIENCE`] until the server takes connections, and logs it.
pub(super) async fn wait_until_up(
    url: &DatabaseUrl,
    options: &PgConnectOptions,
) -> Result<(), ConnectError> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(100);
    loop {
        let attempt = try_out(options);
        let reason = match tokio::time::timeout(ACQUIRE_TIMEOUT, attempt).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) if is_final(&error) => {
                let reason = advice(&error);
                return Err(ConnectError::Refused {
                    url: url.to_string(),
                    reason,
                });
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer".to_owned(),
        };
        if start.elapsed() + pause > STARTUP_PATIENCE {
            return Err(ConnectError::Silent {
                url: url.to_string(),
                reason,
            });
        }
        tracing::warn!(database = %url, reason, "waiting for the database");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
    }
}

/// Executes a different first statement on each of two connections. sqlx gives both the same name,
/// so a pooler that lends one server to both and does not know prepared statements mixes them up.
async fn try_out(options: &PgConnectOptions) -> Result<(), sqlx::Error> {
    for statement in ["SELECT 1", "SELECT 1, 2"] {
        let mut connection = PgConnection::connect_with(options).await?;
        sqlx::query(statement).execute(&mut connection).await?;
        // Best effort: the server notices a closed socket as well.
        drop(connection.close().await);
    }
    Ok(())
}

/// Whether waiting cannot help. Starting up (57P03), too many clients (53300) and a lost connection
/// are temporary. Final are a wrong password (class 28), an unknown database (3D000), a missing
/// right (42501), missing TLS, an invalid certificate, and mixed-up statements (42P05, 26000).
fn is_final(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            let codes = ["28", "3D", "42501", MIXED_UP[0], MIXED_UP[1]];
            codes.iter().any(|start| code.starts_with(start))
        }),
        sqlx::Error::Tls(_) | sqlx::Error::Configuration(_) => true,
        // An invalid certificate.
        sqlx::Error::Io(error) => error.kind() == io::ErrorKind::InvalidData,
        _ => false,
    }
}

fn advice(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Tls(_) => {
            format!("{error} (TLS is required unless the URL says ?sslmode=disable)")
        }
        sqlx::Error::Database(error)
            if error.code().is_some_and(|code| MIXED_UP.contains(&&*code)) =>
        {
            "the pooler in front of PostgreSQL mixes up the prepared statements of its clients: \
             PgBouncer 1.21 or newer with max_prepared_statements keeps them apart"
                .to_owned()
        }
        sqlx::Error::Database(error) => error.message().to_owned(),
        _ => error.to_string(),
    }
}
