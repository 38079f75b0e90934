//! Connecting: waiting, refusals, and the state of a new connection.

#![allow(
    clippy::disallowed_methods,
    reason = "a test needs transactions that take no lock on SQLite"
)]

use std::{
    io,
    os::unix::fs::PermissionsExt as _,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bare_database::{ConnectError, Settings, begin, connect, listener_pool, migrate::Schema};
use bare_testkit::{
    Backend, TestDatabase,
    postgres::{Server, StopMode},
};
use rstest::rstest;
use sea_orm::{ConnectionTrait, DbErr, Statement, TransactionTrait};
use tokio::{task::JoinSet, time::timeout};
use url::Url;

/// The time limit for an immediate answer.
const AT_ONCE: Duration = Duration::from_secs(5);

const PATIENCE: Duration = Duration::from_secs(30);

fn settings(url: &str, size: u32) -> Settings {
    Settings {
        database_url: url.parse().unwrap(),
        database_pool_size: size,
    }
}

/// The only value of a query's result, as text.
async fn ask(db: &impl ConnectionTrait, sql: &str) -> Result<String, DbErr> {
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let row = db.query_one_raw(statement).await?.unwrap();
    row.try_get_by_index(0)
}

#[tokio::test]
async fn a_sqlite_file_is_created_with_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("not/yet/there.sqlite3");
    let url = format!("sqlite://{}", path.display());
    connect(&settings(&url, 1), "test").await.unwrap();
    assert!(path.is_file());
    // Nobody else may read it, nor what SQLite writes beside it.
    for file in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
    }
}

#[tokio::test]
async fn every_sqlite_connection_is_in_wal_with_foreign_keys_and_a_busy_timeout() {
    let database = TestDatabase::empty(Backend::Sqlite).await.unwrap();
    let (one, other) = (
        database.db.begin().await.unwrap(),
        database.db.begin().await.unwrap(),
    );
    for connection in [one, other] {
        let pragma = async |name: &str| {
            let sql = format!("SELECT CAST({name} AS text) FROM pragma_{name}");
            ask(&connection, &sql).await.unwrap()
        };
        assert_eq!(pragma("journal_mode").await, "wal");
        assert_eq!(pragma("foreign_keys").await, "1");
        // The column's name differs from the pragma's.
        let sql = "SELECT CAST(timeout AS text) FROM pragma_busy_timeout";
        assert_eq!(ask(&connection, sql).await.unwrap(), "10000");
    }
}

#[tokio::test]
async fn a_missing_sqlite_file_is_not_created_if_the_url_says_that_it_exists() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing.sqlite3");
    let url = format!("sqlite://{}?mode=rw", path.display());
    let error = connect(&settings(&url, 1), "test").await.unwrap_err();
    assert!(matches!(error, ConnectError::File { .. }), "{error:?}");
    assert!(!path.exists());

    std::fs::write(&path, "").unwrap();
    let db = connect(&settings(&url, 1), "test").await.unwrap();
    ask(&db, "SELECT 'an existing one'").await.unwrap();
}

#[tokio::test]
async fn a_sqlite_file_that_cannot_be_created_is_an_error_with_its_url() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let url = format!("sqlite://{}/below.sqlite3", file.path().display());
    let error = connect(&settings(&url, 1), "test").await.unwrap_err();
    assert!(matches!(error, ConnectError::File { .. }), "{error:?}");
    let start = format!("the database {url} cannot be opened: ");
    assert!(error.to_string().starts_with(&start), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_that_read_and_then_write_are_serialized_on_sqlite() {
    let database = TestDatabase::empty(Backend::Sqlite).await.unwrap();
    database
        .execute("CREATE TABLE counter AS SELECT 0 AS n")
        .await;
    let mut transactions = JoinSet::new();
    for _ in 0..8 {
        let db = database.connect_again().await;
        transactions.spawn(async move {
            let txn = begin(&db).await?;
            let n = ask(&txn, "SELECT CAST(n AS text) FROM counter").await?;
            let n = n.parse::<u32>().unwrap() + 1;
            txn.execute_unprepared(&format!("UPDATE counter SET n = {n}"))
                .await?;
            txn.commit().await
        });
    }
    while let Some(transaction) = transactions.join_next().await {
        transaction.unwrap().unwrap();
    }
    let n = ask(&database.db, "SELECT CAST(n AS text) FROM counter").await;
    assert_eq!(n.unwrap(), "8");
}

#[rstest]
#[tokio::test]
async fn a_pool_has_no_more_connections_than_its_size(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(database) = TestDatabase::empty(backend).await else {
        return;
    };
    let db = connect(&settings(database.url(), 2), "test").await.unwrap();
    let one = db.begin().await.unwrap();
    let two = db.begin().await.unwrap();
    let mut three = Box::pin(db.begin());
    assert!(
        timeout(Duration::from_millis(100), &mut three)
            .await
            .is_err()
    );
    one.rollback().await.unwrap();
    timeout(AT_ONCE, three).await.unwrap().unwrap();
    drop(two);
}

#[tokio::test]
async fn a_session_has_the_name_of_its_application() {
    let Some(database) = TestDatabase::empty(Backend::Postgres).await else {
        return;
    };
    let settings = settings(database.url(), 2);
    let db = connect(&settings, "a binary").await.unwrap();
    let sql = "SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()";
    assert_eq!(ask(&db, sql).await.unwrap(), "a binary");
    let listener = listener_pool(&settings.database_url, "a listener").unwrap();
    let name: String = sqlx::query_scalar(sql).fetch_one(&listener).await.unwrap();
    assert_eq!(name, "a listener");
}

#[tokio::test]
async fn there_is_no_listener_pool_on_sqlite() {
    let url = "sqlite://file.sqlite3".parse().unwrap();
    assert!(listener_pool(&url, "a listener").is_none());
}

/// The log lines of this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start(&self) -> tracing::subscriber::DefaultGuard {
        let lines = self.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || lines.clone());
        tracing::subscriber::set_default(subscriber.finish())
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn connecting_waits_for_a_database_that_is_down_and_logs_it() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let url = server.url("postgres");
    let password = Url::parse(&url).unwrap().password().unwrap().to_owned();
    server.stop(StopMode::Fast);
    let log = Log::default();
    let _guard = log.start();
    let settings = settings(&url, 1);
    let mut connecting = Box::pin(connect(&settings, "test"));
    while !log.text().contains("waiting for the database") {
        let waits = timeout(Duration::from_millis(20), &mut connecting).await;
        assert!(waits.is_err(), "it did not wait");
    }
    let starting = tokio::task::spawn_blocking(move || {
        server.start_again();
        server
    });
    let db = timeout(PATIENCE, connecting).await.unwrap().unwrap();
    assert_eq!(ask(&db, "SELECT 'there'").await.unwrap(), "there");
    assert!(!log.text().contains(&password), "the log has the password");
    drop(starting.await.unwrap());
}

#[tokio::test]
async fn a_pool_survives_a_crash_of_its_server() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let settings = settings(&server.url("postgres"), 2);
    let db = connect(&settings, "test").await.unwrap();
    ask(&db, "SELECT 'before'").await.unwrap();
    let server = tokio::task::spawn_blocking(move || {
        server.restart(StopMode::Immediate);
        server
    });
    let _server = server.await.unwrap();
    // The broken connection may cost one statement.
    drop(ask(&db, "SELECT 'lost'").await);
    assert_eq!(ask(&db, "SELECT 'after'").await.unwrap(), "after");
}

/// The error of [`connect`] for a URL that the server refuses.
async fn refusal(url: &Url) -> String {
    let start = Instant::now();
    let refused = connect(&settings(url.as_str(), 1), "test").await;
    let error = refused.unwrap_err();
    assert!(start.elapsed() < AT_ONCE, "it waited");
    assert!(matches!(error, ConnectError::Refused { .. }), "{error:?}");
    let password = url.password().unwrap();
    assert!(
        !format!("{error} {error:?}").contains(password),
        "the password is in it"
    );
    error.to_string()
}

#[tokio::test]
async fn a_refusal_is_reported_at_once_and_without_the_password() {
    let Some(server) = Server::start() else {
        return;
    };
    let right = Url::parse(&server.url("postgres")).unwrap();
    let address = format!("postgres://127.0.0.1:{}", right.port().unwrap());

    let mut url = right.clone();
    url.set_password(Some("not-the-password")).unwrap();
    assert_eq!(
        refusal(&url).await,
        format!(
            "the database {address}/postgres refuses this service: \
             password authentication failed for user \"postgres\""
        )
    );
    let mut url = right.clone();
    url.set_path("/nowhere");
    assert_eq!(
        refusal(&url).await,
        format!(
            "the database {address}/nowhere refuses this service: \
             database \"nowhere\" does not exist"
        )
    );
    let mut url = right.clone();
    url.set_query(Some("sslmode=require"));
    let said = refusal(&url).await;
    assert!(
        said.contains("TLS is required unless the URL says ?sslmode=disable"),
        "{said}"
    );
}

#[tokio::test]
async fn the_health_check_reports_a_read_only_server_whose_sessions_no_pool_keeps() {
    let Some(server) = Server::start() else {
        return;
    };
    let url = server.url("postgres");
    let db = connect(&settings(&url, 1), "test").await.unwrap();
    let checks = Schema::new(&[]).checks(&db);
    assert_eq!(checks.run().await.checks["database"].as_str(), "ok");
    let reload = "SELECT pg_reload_conf()::text";
    let sql = "ALTER SYSTEM SET default_transaction_read_only = on";
    db.execute_unprepared(sql).await.unwrap();
    ask(&db, reload).await.unwrap();
    let fails = async { while checks.run().await.checks["database"].as_str() != "error" {} };
    timeout(PATIENCE, fails).await.unwrap();

    let late = connect(&settings(&url, 1), "test").await.unwrap();
    ask(&late, "SELECT 'never'").await.unwrap_err();
    for sql in [
        "SET default_transaction_read_only = off",
        "ALTER SYSTEM RESET default_transaction_read_only",
    ] {
        db.execute_unprepared(sql).await.unwrap();
    }
    ask(&db, reload).await.unwrap();
    assert_eq!(ask(&late, "SELECT 'again'").await.unwrap(), "again");
}

#[tokio::test]
async fn the_health_check_reports_a_sqlite_file_that_was_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.sqlite3");
    let url = format!("sqlite://{}", path.display());
    let db = connect(&settings(&url, 1), "test").await.unwrap();
    let checks = Schema::new(&[]).checks(&db);
    assert_eq!(checks.run().await.checks["database"].as_str(), "ok");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(checks.run().await.checks["database"].as_str(), "error");
}
