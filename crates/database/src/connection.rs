//! Connecting: a pool of connections, made once at start, that a database which is still starting
//! does not put off.

mod release;
mod session;
mod startup;

use std::{mem, time::Duration};

use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};
use sqlx::{
    Connection,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use thiserror::Error;

use crate::{DatabaseUrl, Settings, metrics, url::Target};

/// How long [`connect`] waits for a database that does not answer yet.
pub const STARTUP_PATIENCE: Duration = Duration::from_mins(1);

/// How long a caller waits for a free connection before its statement fails.
pub const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long SQLite waits for another writer.
const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// After this long in the pool unused, a connection is tried before it is handed out.
const PING_AFTER_IDLE: Duration = Duration::from_secs(5);

/// How long a connection may take to show that its server is there. One that vanished without a word keeps it
/// waiting for as long as TCP has patience, a quarter of an hour.
const PING_PATIENCE: Duration = Duration::from_secs(2);

/// Then a connection is made anew. Its prepared statements outlive some changes of the schema for which
/// PostgreSQL refuses them (0A000), and this bounds for how long.
const LIFETIME: Duration = Duration::from_mins(5);

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

/// Connects. PostgreSQL shows the service's name and `application` for the session.
///
/// A PostgreSQL that is not there yet is waited for, up to [`STARTUP_PATIENCE`], and the log says so. A
/// SQLite file that is not there yet is made. A statement may take as long as it takes.
pub async fn connect(
    settings: &Settings,
    application: &str,
) -> Result<DatabaseConnection, ConnectError> {
    connect_within(settings, application, None).await
}

/// As [`connect`], for callers that wait for a statement no longer than `patience`. PostgreSQL ends it
/// soon after, and a transaction that idles for as long, unless it is behind a pooler.
pub async fn connect_impatiently(
    settings: &Settings,
    application: &str,
    patience: Duration,
) -> Result<DatabaseConnection, ConnectError> {
    connect_within(settings, application, Some(patience)).await
}

async fn connect_within(
    settings: &Settings,
    application: &str,
    patience: Option<Duration>,
) -> Result<DatabaseConnection, ConnectError> {
    let url = &settings.database_url;
    let size = settings.database_pool_size;
    match &url.target {
        Target::Postgres(options) => {
            connect_postgres(url, (**options).clone(), application, size, patience).await
        }
        Target::Sqlite { path, options } => {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(|error| file_error(url, error))?;
            }
            connect_sqlite(url, (**options).clone(), application, size).await
        }
    }
}

/// Begins a transaction in which it is safe to read and then write on both databases, also for a caller
/// that may leave at any moment. Every transaction begins here (see `clippy.toml`).
///
/// On SQLite it takes the write lock at once: a deferred transaction that has read and then wants
/// to write fails as *busy*, however long it would wait.
pub async fn begin(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the function that others are to call"
    )]
    let mut beginning = db.begin_with_options(TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..Default::default()
    });
    // Dropped before `beginning`, and so before the pool gets the connection back.
    let given_up = release::GivenUp;
    let begun = (&mut beginning).await;
    mem::forget(given_up);
    begun
}

/// A pool of one connection to a PostgreSQL database, which is made when it is first used: for
/// LISTEN. `None` for SQLite.
pub fn listener_pool(url: &DatabaseUrl, application: &str) -> Option<sqlx::PgPool> {
    let Target::Postgres(options) = &url.target else {
        return None;
    };
    let options = options
        .clone()
        .application_name(&dockerflow::name_of(application))
        .extra_float_digits(None);
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT);
    Some(pool.connect_lazy_with(options))
}

async fn connect_postgres(
    url: &DatabaseUrl,
    options: PgConnectOptions,
    application: &str,
    size: u32,
    patience: Option<Duration>,
) -> Result<DatabaseConnection, ConnectError> {
    // PgBouncer refuses this start-up parameter of the client's by default.
    let options = options.extra_float_digits(None);
    let options = options.application_name(&dockerflow::name_of(application));
    startup::wait_until_up(url, &options).await?;
    let pool = PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .max_lifetime(LIFETIME)
        .after_connect(move |connection, _| Box::pin(session::prepare(connection, patience)))
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                Ok(meta.idle_for < PING_AFTER_IDLE || in_time(connection.ping()).await.is_ok())
            })
        })
        .after_release(release::postgres())
        .connect_lazy_with(options);
    metrics::watch(&pool, application);
    Ok(pool.into())
}

/// A server that vanished without a word does not answer.
async fn in_time<T>(
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let answer = tokio::time::timeout(PING_PATIENCE, answer).await;
    answer.map_err(|_| sqlx::Error::PoolTimedOut)?
}

/// A pool of one connection beside `db`, made like those of `db` when it is first used; on SQLite `db`
/// itself. The metrics of pools do not count it.
pub fn own_connection(db: &DatabaseConnection) -> DatabaseConnection {
    if db.get_database_backend() == DbBackend::Sqlite {
        return db.clone();
    }
    let pool = db.get_postgres_connection_pool();
    let options = pool.options().clone().max_connections(1);
    options
        .connect_lazy_with((*pool.connect_options()).clone())
        .into()
}

async fn connect_sqlite(
    url: &DatabaseUrl,
    options: SqliteConnectOptions,
    application: &str,
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
        .after_release(release::sqlite)
        .connect_with(options)
        .await
        .map_err(|error| file_error(url, error))?;
    metrics::watch(&pool, application);
    Ok(pool.into())
}

fn file_error(url: &DatabaseUrl, error: impl std::fmt::Display) -> ConnectError {
    ConnectError::File {
        url: url.to_string(),
        reason: error.to_string(),
    }
}
