//! Connecting: a pool of connections, made once at start, that a database which is still starting
//! does not put off.

use std::time::{Duration, Instant};

use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use sqlx::{
    Connection,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use thiserror::Error;

use crate::{DatabaseUrl, Settings, url::Target};

/// How long [`connect`] waits for a database that does not answer yet.
pub const STARTUP_PATIENCE: Duration = Duration::from_mins(1);

/// How long a caller waits for a free connection before its statement fails.
pub const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long SQLite waits for another writer.
const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// After this long in the pool unused, a connection is tried before it is handed out.
const PING_AFTER_IDLE: Duration = Duration::from_secs(5);

/// Why there is no connection. Its text holds no password.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The server answered, and waiting will not change its answer.
    #[error("the database {url} refuses this service: {reason}")]
    Refused {
        /// The URL without its password.
        url: String,
        /// What the server said, and what to do.
        reason: String,
    },
    /// Nothing answered within [`STARTUP_PATIENCE`].
    #[error("the database {url} did not answer within {} s: {reason}", STARTUP_PATIENCE.as_secs())]
    Silent {
        /// The URL without its password.
        url: String,
        /// The last failure.
        reason: String,
    },
    /// The SQLite file cannot be made or opened.
    #[error("the database {url} cannot be opened: {reason}")]
    File {
        /// The URL of the file.
        url: String,
        /// What the file system or SQLite said.
        reason: String,
    },
}

/// Connects, with `application` as the name that PostgreSQL shows for the session.
///
/// A PostgreSQL that is not there yet is waited for, [`STARTUP_PATIENCE`] at the most, and the log
/// says so. A SQLite file that is not there yet is made.
pub async fn connect(
    settings: &Settings,
    application: &str,
) -> Result<DatabaseConnection, ConnectError> {
    let url = &settings.database_url;
    let size = settings.database_pool_size;
    match &url.target {
        Target::Postgres(options) => {
            connect_postgres(url, options.clone().application_name(application), size).await
        }
        Target::Sqlite { path, options } => {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(|error| file_error(url, error))?;
            }
            connect_sqlite(url, (**options).clone(), size).await
        }
    }
}

/// Begins a transaction in which it is safe to read and then write on both databases.
///
/// On SQLite it takes the write lock at once: a deferred transaction that has read and then wants
/// to write fails as *busy*, however long it would wait.
pub async fn begin(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    db.begin_with_options(TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..Default::default()
    })
    .await
}

/// A pool of one connection to a PostgreSQL database, which is made when it is first used: for
/// LISTEN. `None` for SQLite.
pub fn listener_pool(url: &DatabaseUrl, application: &str) -> Option<sqlx::PgPool> {
    let Target::Postgres(options) = &url.target else {
        return None;
    };
    let options = options
        .clone()
        .application_name(application)
        .extra_float_digits(None);
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT);
    Some(pool.connect_lazy_with(options))
}

async fn connect_postgres(
    url: &DatabaseUrl,
    options: PgConnectOptions,
    size: u32,
) -> Result<DatabaseConnection, ConnectError> {
    // PgBouncer refuses this start-up parameter of the client's by default.
    let options = options.extra_float_digits(None);
    wait_until_up(url, &options).await?;
    let pool = PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                Ok(meta.idle_for < PING_AFTER_IDLE || connection.ping().await.is_ok())
            })
        })
        .connect_lazy_with(options);
    Ok(pool.into())
}

async fn wait_until_up(url: &DatabaseUrl, options: &PgConnectOptions) -> Result<(), ConnectError> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(100);
    loop {
        let attempt = sqlx::PgConnection::connect_with(options);
        let reason = match tokio::time::timeout(ACQUIRE_TIMEOUT, attempt).await {
            Ok(Ok(connection)) => {
                // Best effort: the server notices a closed socket as well.
                drop(connection.close().await);
                return Ok(());
            }
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

/// Whether waiting is in vain. Starting up (57P03), too many clients (53300) and a lost connection
/// pass; a wrong password (class 28), an unknown database (3D000), a missing right (42501) and TLS that the server does not
/// speak do not.
fn is_final(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            code.starts_with("28") || code.starts_with("3D") || code == "42501"
        }),
        sqlx::Error::Tls(_) | sqlx::Error::Configuration(_) => true,
        _ => false,
    }
}

fn advice(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Tls(_) => {
            format!("{error} (TLS is required unless the URL says ?sslmode=disable)")
        }
        sqlx::Error::Database(error) => error.message().to_owned(),
        _ => error.to_string(),
    }
}

async fn connect_sqlite(
    url: &DatabaseUrl,
    options: SqliteConnectOptions,
    size: u32,
) -> Result<DatabaseConnection, ConnectError> {
    let options = options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(SQLITE_BUSY_TIMEOUT)
        .foreign_keys(true);
    let pool = SqlitePoolOptions::new()
        .max_connections(size)
        .acquire_timeout(ACQUIRE_TIMEOUT.max(SQLITE_BUSY_TIMEOUT))
        .connect_with(options)
        .await
        .map_err(|error| file_error(url, error))?;
    Ok(pool.into())
}

fn file_error(url: &DatabaseUrl, error: impl std::fmt::Display) -> ConnectError {
    ConnectError::File {
        url: url.to_string(),
        reason: error.to_string(),
    }
}
