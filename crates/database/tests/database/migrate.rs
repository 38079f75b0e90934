//! Migrations: `up`, `down`, `status`, `wait`, `fresh`, and several at once.

use std::time::Duration;

use bare_database::{Settings, connect, migrate::Schema};
use bare_testkit::{Backend, TestDatabase, postgres::Server};
use rstest::rstest;
use sea_orm::{ConnectionTrait, DbErr, Statement};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};
use url::Url;

const SCHEMA: Schema = Schema::new(&[|| vec![Box::new(Step("note")), Box::new(Step("tag"))]]);

const NEXT: Schema = Schema::new(&[|| {
    vec![
        Box::new(Step("note")),
        Box::new(Step("tag")),
        Box::new(Step("topic")),
    ]
}]);

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Creates this table.
struct Step(&'static str);

impl MigrationName for Step {
    fn name(&self) -> &'static str {
        match self.0 {
            "note" => "m20260101_000001_create_note",
            "tag" => "m20260101_000002_create_tag",
            _ => "m20260101_000003_create_topic",
        }
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = format!("CREATE TABLE {} (text text)", self.0);
        manager.get_connection().execute_unprepared(&sql).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = format!("DROP TABLE {}", self.0);
        manager.get_connection().execute_unprepared(&sql).await?;
        Ok(())
    }
}

#[rstest]
#[tokio::test]
async fn concurrent_migrations_take_turns(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(database) = TestDatabase::empty(backend).await else {
        return;
    };
    let mut processes = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let db = database.connect_again().await;
        processes.spawn(async move { SCHEMA.up(&db, None).await });
    }
    while let Some(result) = processes.join_next().await {
        result.unwrap().unwrap();
    }
    assert_eq!(
        SCHEMA.status(&database.db).await.unwrap().pending,
        Vec::<String>::new()
    );
}

#[rstest]
#[tokio::test]
async fn a_database_of_a_newer_release_is_ahead_which_is_not_an_error(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(database) = TestDatabase::with_schema(backend, SCHEMA).await else {
        return;
    };
    let db = &database.db;
    database
        .execute("INSERT INTO seaql_migrations VALUES ('m29991231_000000_later', 0)")
        .await;

    SCHEMA.up(db, None).await.unwrap();
    SCHEMA.wait(db).await.unwrap();
    let status = SCHEMA.status(db).await.unwrap();
    assert_eq!(status.ahead, ["m29991231_000000_later"]);
    assert_eq!(status.pending, Vec::<String>::new());

    let findings = SCHEMA.check(db).await;
    assert_eq!(findings[0].message, "ahead: m29991231_000000_later");

    let error = SCHEMA.down(db, 1).await.unwrap_err().to_string();
    assert!(error.contains("only that release can revert it"), "{error}");
}

#[rstest]
#[tokio::test]
async fn the_health_check_warns_of_pending_steps(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(database) = TestDatabase::empty(backend).await else {
        return;
    };
    SCHEMA.up(&database.db, Some(1)).await.unwrap();
    let findings = SCHEMA.check(&database.db).await;
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].level, dockerflow::checks::Level::Warning);
    let pending = SCHEMA.status(&database.db).await.unwrap().pending;
    assert!(!pending.is_empty());
    assert_eq!(
        findings[0].message,
        format!("pending: {}", pending.join(", "))
    );
}

#[rstest]
#[tokio::test]
async fn wait_returns_when_no_step_is_pending(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(database) = TestDatabase::empty(backend).await else {
        return;
    };
    let db = database.connect_again().await;
    let waiting = tokio::spawn(async move { SCHEMA.wait(&db).await });
    SCHEMA.up(&database.db, Some(1)).await.unwrap();
    assert!(!waiting.is_finished());
    SCHEMA.up(&database.db, None).await.unwrap();
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn wait_fails_if_it_may_not_read_which_steps_are_applied() {
    let Some(server) = Server::start() else {
        return;
    };
    let database = TestDatabase::with_schema_on(&server, "read", SCHEMA).await;
    let sql = "CREATE ROLE stranger LOGIN PASSWORD 'secret'";
    database.execute(sql).await;
    let mut url = Url::parse(database.url()).unwrap();
    url.set_username("stranger").unwrap();
    url.set_password(Some("secret")).unwrap();
    let settings = Settings {
        database_url: url.as_str().parse().unwrap(),
        database_pool_size: 1,
    };
    let db = connect(&settings, "test").await.unwrap();
    let waited = tokio::time::timeout(PATIENCE, SCHEMA.wait(&db)).await;
    let error = waited.expect("it waits").unwrap_err().to_string();
    assert!(error.contains("permission denied"), "{error}");
}

#[tokio::test]
async fn up_refuses_a_database_that_cannot_store_every_text() {
    let Some(database) = TestDatabase::empty(Backend::Postgres).await else {
        return;
    };
    let name = format!("latin1_{}", std::process::id());
    database.execute(&format!("CREATE DATABASE {name} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")).await;
    let mut url = Url::parse(database.url()).unwrap();
    url.set_path(&name);
    let settings = Settings {
        database_url: url.as_str().parse().unwrap(),
        database_pool_size: 2,
    };
    let db = connect(&settings, "test").await.unwrap();
    let error = SCHEMA.up(&db, None).await.unwrap_err().to_string();
    assert!(error.contains("ENCODING 'UTF8'"), "{error}");
    assert_eq!(
        SCHEMA.status(&db).await.unwrap().applied,
        Vec::<String>::new()
    );
    db.close().await.unwrap();
    database.execute(&format!("DROP DATABASE {name}")).await;
}

#[rstest]
#[tokio::test]
async fn fresh_drops_everything_and_applies_all_steps(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(database) = TestDatabase::with_schema(backend, SCHEMA).await else {
        return;
    };
    database.execute("INSERT INTO note VALUES ('a row')").await;
    database.execute("CREATE TABLE other (id int)").await;
    SCHEMA.fresh(&database.db).await.unwrap();
    let expected = TestDatabase::with_schema(backend, SCHEMA).await.unwrap();
    assert_eq!(database.schema().await, expected.schema().await);
}

#[rstest]
#[tokio::test]
async fn down_reverts_the_last_step_and_no_other(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(database) = TestDatabase::with_schema(backend, SCHEMA).await else {
        return;
    };
    SCHEMA.down(&database.db, 1).await.unwrap();
    let status = SCHEMA.status(&database.db).await.unwrap();
    assert_eq!(status.pending, ["m20260101_000002_create_tag"]);
    database
        .execute("INSERT INTO note VALUES ('still there')")
        .await;
}

#[tokio::test]
async fn a_later_schema_in_the_search_path_gets_no_second_set_of_tables() {
    let Some(database) = TestDatabase::with_schema(Backend::Postgres, SCHEMA).await else {
        return;
    };
    database
        .execute("CREATE SCHEMA AUTHORIZATION CURRENT_USER")
        .await;
    let db = database.connect_again().await;
    assert_eq!(
        SCHEMA.status(&db).await.unwrap().pending,
        Vec::<String>::new()
    );
    SCHEMA.up(&db, None).await.unwrap();
    let error = NEXT.up(&db, None).await.unwrap_err().to_string();
    assert!(error.contains("set the search_path"), "{error}");
    let sql = "SELECT count(*) FROM pg_tables WHERE schemaname = current_user";
    let sql = Statement::from_string(db.get_database_backend(), sql);
    let row = db.query_one_raw(sql).await.unwrap().unwrap();
    assert_eq!(row.try_get_by_index::<i64>(0).unwrap(), 0);
}

#[tokio::test]
async fn without_a_pending_step_up_takes_no_lock_and_changes_nothing() {
    let Some(database) = TestDatabase::with_schema(Backend::Postgres, SCHEMA).await else {
        return;
    };
    // Another process migrates.
    let lock = bare_database::begin(&database.db).await.unwrap();
    let sql = format!("SELECT pg_advisory_xact_lock({})", 0x6261_7265);
    lock.execute_unprepared(&sql).await.unwrap();
    let db = database.connect_again().await;
    let up = tokio::time::timeout(PATIENCE, SCHEMA.up(&db, None));
    up.await.expect("it does not wait").unwrap();
    lock.rollback().await.unwrap();
}
