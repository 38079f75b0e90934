//! Connections that come back to a pool, and what a cancelled caller leaves in the server.

use std::time::{Duration, Instant};

use bare_database::{Settings, begin, connect, connect_impatiently, connect_loops, own_connection};
use bare_testkit::{Backend, TestDatabase, process::Frozen};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use tokio::time::timeout;

/// Long enough to send a statement.
const MOMENT: Duration = Duration::from_millis(100);

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(12);

fn one_connection(database: &TestDatabase) -> Settings {
    Settings {
        database_url: database.url().parse().unwrap(),
        database_pool_size: 1,
    }
}

async fn ask<T: sea_orm::TryGetable>(db: &impl ConnectionTrait, sql: &str) -> T {
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let row = db.query_one_raw(statement).await.unwrap();
    row.unwrap().try_get_by_index(0).unwrap()
}

async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let look = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, look)
        .await
        .expect("the condition never holds");
}

/// How many sessions of other pools run a statement that begins with `query`, or idle after it.
async fn sessions(db: &DatabaseConnection, state: &str, query: &str) -> i64 {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
         AND pid <> pg_backend_pid() AND state = '{state}' AND query LIKE '{query}%'"
    );
    ask(db, &sql).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_begin_leaves_no_transaction_in_the_pool() {
    let Some(database) = TestDatabase::empty(Backend::Postgres).await else {
        return;
    };
    database.execute("CREATE TABLE note (number int)").await;
    let settings = one_connection(&database);
    let any = connect(&settings, "test").await.unwrap();
    let loops = connect_loops(&settings, "test", PATIENCE).await.unwrap();
    for db in [any, own_connection(&loops), loops] {
        leaves_no_transaction(&database, db).await;
    }
}

async fn leaves_no_transaction(database: &TestDatabase, db: DatabaseConnection) {
    database.execute("DELETE FROM note").await;
    let backend = ask(&db, "SELECT pg_backend_pid()").await;
    until(async || db.get_postgres_connection_pool().num_idle() == 1).await;
    let frozen = Frozen::process(backend);
    let begun = timeout(MOMENT, begin(&db)).await;
    assert!(begun.is_err(), "the BEGIN was not in progress");
    drop(frozen);

    db.execute_unprepared("INSERT INTO note VALUES (1)")
        .await
        .unwrap();
    let seen: i64 = ask(&database.db, "SELECT count(*) FROM note").await;
    assert_eq!(seen, 1, "a successful insert is not committed");
    assert_eq!(sessions(&database.db, "idle in transaction", "").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_the_server_ended_because_it_idled_is_replaced() {
    let Some(database) = TestDatabase::empty(Backend::Postgres).await else {
        return;
    };
    let name: String = ask(&database.db, "SELECT current_database()::text").await;
    let limit = format!("ALTER DATABASE \"{name}\" SET idle_session_timeout = '200ms'");
    database.execute(&limit).await;
    let db = connect(&one_connection(&database), "test").await.unwrap();
    let first: i32 = ask(&db, "SELECT pg_backend_pid()").await;
    let sessions = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {first}");
    until(async || ask::<i64>(&database.db, &sessions).await == 0).await;
    let second: i32 = ask(&db, "SELECT pg_backend_pid()").await;
    assert_ne!(first, second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_sqlite_rolled_back_by_itself_leaves_none_in_the_pool() {
    let database = TestDatabase::empty(Backend::Sqlite).await.unwrap();
    database.execute("CREATE TABLE note (text text)").await;
    let db = connect(&one_connection(&database), "test").await.unwrap();
    // Simulates a full disk for this connection.
    let full = "PRAGMA max_page_count = 10";
    db.execute_unprepared(full).await.unwrap();
    let large = "INSERT INTO note VALUES (hex(zeroblob(100000)))";
    let txn = begin(&db).await.unwrap();
    let error = txn.execute_unprepared(large).await.unwrap_err();
    assert!(error.to_string().contains("full"), "{error}");
    drop(txn);

    let small = "INSERT INTO note VALUES ('small')";
    let rolled_back = begin(&db).await.unwrap();
    rolled_back.execute_unprepared(small).await.unwrap();
    drop(rolled_back);
    let txn = begin(&db).await.unwrap();
    txn.execute_unprepared(small).await.unwrap();
    txn.commit().await.unwrap();
    let seen: i64 = ask(&database.db, "SELECT count(*) FROM note").await;
    assert_eq!(seen, 1, "only its pool sees the committed row");
    database.execute(small).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_ends_a_statement_whose_caller_was_cancelled() {
    let Some(database) = TestDatabase::empty(Backend::Postgres).await else {
        return;
    };
    let db = connect(&one_connection(&database), "test").await.unwrap();
    let sleep = db.execute_unprepared("SELECT pg_sleep(15)");
    assert!(timeout(MOMENT, sleep).await.is_err());
    until(async || sessions(&database.db, "active", "SELECT pg_sleep").await == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_ends_statements_and_idle_transactions_after_the_client_s_patience() {
    let Some(database) = TestDatabase::empty(Backend::Postgres).await else {
        return;
    };
    let settings = one_connection(&database);
    let patience = Duration::from_millis(200);
    let impatient = connect_impatiently(&settings, "test", patience)
        .await
        .unwrap();
    let begun = Instant::now();
    let error = impatient.execute_unprepared("SELECT pg_sleep(15)").await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("statement timeout"), "{error}");
    assert!(begun.elapsed() > patience, "it ends before the client does");

    database.execute("CREATE TABLE note (number int)").await;
    let lock = begin(&database.db).await.unwrap();
    lock.execute_unprepared("LOCK TABLE note").await.unwrap();
    let waits = begin(&impatient).await.unwrap();
    let error = timeout(PATIENCE, waits.execute_unprepared("LOCK TABLE note")).await;
    let error = error.unwrap().unwrap_err().to_string();
    assert!(error.contains("lock timeout"), "{error}");
    drop((waits, lock));

    let pauses = begin(&impatient).await.unwrap();
    until(async || sessions(&database.db, "idle in transaction", "BEGIN").await == 0).await;
    assert!(pauses.execute_unprepared("SELECT 1").await.is_err());
}

#[tokio::test]
async fn limits_of_a_database_are_kept_and_tasks_have_no_limit() {
    let Some(database) = TestDatabase::empty(Backend::Postgres).await else {
        return;
    };
    let limit = "DO $$ BEGIN EXECUTE format(
        'ALTER DATABASE %I SET statement_timeout = 1234', current_database()); END $$";
    let settings = one_connection(&database);
    let shown = async |db: &DatabaseConnection, name: &str| -> String {
        ask(db, &format!("SHOW {name}")).await
    };
    let patient = connect(&settings, "test").await.unwrap();
    for name in ["statement_timeout", "lock_timeout"] {
        assert_eq!(shown(&patient, name).await, "0");
    }
    database.execute(limit).await;
    let patience = Duration::from_secs(30);
    let impatient = connect_impatiently(&settings, "test", patience)
        .await
        .unwrap();
    assert_eq!(shown(&impatient, "statement_timeout").await, "1234ms");
    assert_eq!(shown(&impatient, "lock_timeout").await, "27s");
}
