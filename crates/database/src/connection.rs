//! Connects to the database with a pool, and waits for a database that is still starting.

mod release;
mod session;
mod startup;

use std::{fs::OpenOptions, io, mem, path::Path, sync::Arc, time::Duration};

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

use self::session::IdleLimit;
use crate::{DatabaseUrl, Settings, metrics, url::Target};

/// How long [`connect`] waits for a database that does not answer yet.
pub const STARTUP_PATIENCE: Duration = Duration::from_mins(1);

/// How long a caller waits for a free connection before its statement fails.
pub const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long SQLite waits for another writer.
const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that was unused for this long is pinged before it is handed out.
const PING_AFTER_IDLE: Duration = Duration::from_secs(5);

/// How long a ping may take. If the server vanished without closing the connection, TCP alone would
/// wait a quarter of an hour.
const PING_PATIENCE: Duration = Duration::from_secs(2);

/// After this time a connection is replaced. This limits how long its prepared statements fail
/// after a change of the schema that PostgreSQL does not accept for them (0A000).
const LIFETIME: Duration = Duration::from_mins(5);

/// Why connecting failed. The text has no password.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The server refused, and waiting does not help.
    #[error("the database {url} refuses this service: {reason}")]
    Refused {
        /// The URL without its password.
        url: String,
        /// The error of the server, and what to do.
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
    /// The SQLite file cannot be created or opened.
    #[error("the database {url} cannot be opened: {reason}")]
    File {
        /// The URL of the file.
        url: String,
        /// The error of the file system or SQLite.
        reason: String,
    },
}

/// Connects. PostgreSQL shows the service's name and `application` for the session.
///
/// Waits up to [`STARTUP_PATIENCE`] for a PostgreSQL that is not up yet, and logs it. Creates a
/// missing SQLite file, unless the URL has `mode=rw`. Statements have no time limit.
pub async fn connect(
    settings: &Settings,
    application: &str,
) -> Result<DatabaseConnection, ConnectError> {
    connect_within(settings, application, None, Users::Any).await
}

/// As [`connect`], for callers that wait for a statement only for `patience`. PostgreSQL ends it
/// soon after, and a transaction that idles for as long, unless it is behind a pooler.
pub async fn connect_impatiently(
    settings: &Settings,
    application: &str,
    patience: Duration,
) -> Result<DatabaseConnection, ConnectError> {
    connect_within(settings, application, Some(patience), Users::Any).await
}

/// As [`connect_impatiently`], for loops that run all the time and begin their transactions by
/// [`begin`] only. Less is asked of an idle database.
pub async fn connect_loops(
    settings: &Settings,
    application: &str,
    patience: Duration,
) -> Result<DatabaseConnection, ConnectError> {
    connect_within(settings, application, Some(patience), Users::Loops).await
}

/// Who uses a pool.
#[derive(Clone, Copy)]
enum Users {
    /// Code that may begin transactions in other ways than [`begin`], as SeaORM itself does.
    Any,
    /// Loops that do not.
    Loops,
}

async fn connect_within(
    settings: &Settings,
    application: &str,
    patience: Option<Duration>,
    users: Users,
) -> Result<DatabaseConnection, ConnectError> {
    let url = &settings.database_url;
    let size = settings.database_pool_size;
    match &url.target {
        Target::Postgres(target) => {
            let options = pool_options(size, patience, users);
            connect_postgres(url, (**target).clone(), application, options).await
        }
        Target::Sqlite { path, options } => {
            if url.creates_its_file() {
                create_private(path).map_err(|error| file_error(url, error))?;
            }
            connect_sqlite(url, (**options).clone(), application, size).await
        }
    }
}

/// Begins a transaction that can safely read and then write on both databases. The caller may be
/// cancelled at any moment. Every transaction begins here (see `clippy.toml`).
///
/// On SQLite it takes the write lock at once: a deferred transaction that reads and then writes may
/// fail as *busy*, no matter how long it would wait.
pub async fn begin(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the function to call instead"
    )]
    let mut beginning = db.begin_with_options(TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..Default::default()
    });
    // A cancelled caller drops this first, and only then does the pool get the connection back.
    let given_up = release::GivenUp;
    let begun = (&mut beginning).await;
    mem::forget(given_up);
    begun
}

/// A pool of one connection, opened at its first use, for PostgreSQL's LISTEN. `None` for SQLite.
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
    pool: PgPoolOptions,
) -> Result<DatabaseConnection, ConnectError> {
    // By default, PgBouncer refuses this start-up parameter of the client.
    let options = options.extra_float_digits(None);
    let options = options.application_name(&dockerflow::name_of(application));
    startup::wait_until_up(url, &options).await?;
    let pool = pool.connect_lazy_with(options);
    metrics::watch(&pool, application);
    Ok(pool.into())
}

fn pool_options(size: u32, patience: Option<Duration>, users: Users) -> PgPoolOptions {
    let limit = Arc::new(IdleLimit::default());
    let known = Arc::clone(&limit);
    let options = PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .max_lifetime(LIFETIME)
        .after_connect(move |connection, _| {
            let limit = Arc::clone(&limit);
            Box::pin(async move { session::prepare(connection, patience, &limit).await })
        })
        .test_before_acquire(false)
        .before_acquire(move |connection, meta| {
            let is_doubtful = meta.idle_for >= PING_AFTER_IDLE || known.is_near(meta.idle_for);
            Box::pin(async move { Ok(!is_doubtful || in_time(connection.ping()).await.is_ok()) })
        });
    match users {
        Users::Any => options.after_release(release::postgres()),
        Users::Loops => options.after_release(release::postgres_after_doubt),
    }
}

/// Fails if the server does not answer in time.
async fn in_time<T>(
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let answer = tokio::time::timeout(PING_PATIENCE, answer).await;
    answer.map_err(|_| sqlx::Error::PoolTimedOut)?
}

/// A separate pool of one connection with the options of `db`, opened at its first use. On SQLite
/// it is `db` itself. The metrics of pools do not include it.
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
        .create_if_missing(url.creates_its_file())
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

/// Creates the file if it is missing, for this user only. SQLite gives the files beside it the same
/// permissions.
fn create_private(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        created => created.map(drop),
    }
}

fn file_error(url: &DatabaseUrl, error: impl std::fmt::Display) -> ConnectError {
    ConnectError::File {
        url: url.to_string(),
        reason: error.to_string(),
    }
}
