//! Connecting: a pool of connections, made once at start, that a database which is still starting
//! does not put off.

mod startup;

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};
use sqlx::{
    Connection, PgConnection,
    pool::PoolConnectionMetadata,
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

/// For so long after a connection has shown it, its pool's others are believed.
const BELIEVED: Duration = Duration::from_millis(100);

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
            connect_postgres(url, (**options).clone(), application, size).await
        }
        Target::Sqlite { path, options } => {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(|error| file_error(url, error))?;
            }
            connect_sqlite(url, (**options).clone(), application, size).await
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
    application: &str,
    size: u32,
) -> Result<DatabaseConnection, ConnectError> {
    // PgBouncer refuses this start-up parameter of the client's by default.
    let options = options.extra_float_digits(None);
    let options = options.application_name(application);
    startup::wait_until_up(url, &options).await?;
    let pool = PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .max_lifetime(LIFETIME)
        .after_connect(|connection, _| Box::pin(refuse_standby(connection)))
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                Ok(meta.idle_for < PING_AFTER_IDLE || answers(connection).await.is_ok())
            })
        })
        .after_release(tried_after_release())
        .connect_lazy_with(options);
    metrics::watch(&pool, application);
    Ok(pool.into())
}

type Trial<'c> = Pin<Box<dyn Future<Output = Result<bool, sqlx::Error>> + Send + 'c>>;

/// Tries connections that come back, since a caller that ran out of patience leaves its statement behind.
/// The library awaits the end of that without a limit, and meanwhile counts the connection.
fn tried_after_release()
-> impl Fn(&mut PgConnection, PoolConnectionMetadata) -> Trial<'_> + Send + Sync + 'static {
    let answered = Arc::new(Mutex::new(None::<Instant>));
    move |connection, _| {
        let answered = Arc::clone(&answered);
        Box::pin(async move {
            let last = *answered.lock().unwrap_or_else(PoisonError::into_inner);
            if last.is_none_or(|last| last.elapsed() > BELIEVED) {
                answers(connection).await?;
                *answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            }
            Ok(true)
        })
    }
}

async fn answers(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let pong = tokio::time::timeout(PING_PATIENCE, connection.ping()).await;
    pong.map_err(|_| sqlx::Error::PoolTimedOut)?
}

/// A pool of one connection beside `db`, made like those of `db` when it is first used; on SQLite `db`
/// itself. The metrics of pools do not count it.
pub(crate) fn own_connection(db: &DatabaseConnection) -> DatabaseConnection {
    if db.get_database_backend() == DbBackend::Sqlite {
        return db.clone();
    }
    let pool = db.get_postgres_connection_pool();
    let options = pool.options().clone().max_connections(1);
    options
        .connect_lazy_with((*pool.connect_options()).clone())
        .into()
}

/// After a failover the old address may lead to a standby for a while. A connection to it would stay
/// in the pool, where every write fails on it.
async fn refuse_standby(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let is_standby = sqlx::query_scalar("SELECT pg_is_in_recovery()");
    if is_standby.fetch_one(connection).await? {
        return Err(sqlx::Error::Protocol("the server is a standby".to_owned()));
    }
    Ok(())
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
