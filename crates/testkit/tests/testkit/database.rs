//! Databases with and without a schema.

use std::sync::atomic::{AtomicUsize, Ordering};

use bare_database::migrate::Schema;
use bare_testkit::{
    Backend::{self, Postgres, Sqlite},
    TestDatabase,
    postgres::Server,
};
use rstest::rstest;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};
use sqlx::{Connection as _, PgConnection};

/// How often the step [`Note`] was applied on SQLite.
static APPLIED: AtomicUsize = AtomicUsize::new(0);

const NOTES: Schema = Schema::new(&[|| vec![Box::new(Note)]]);
const NOTES_AND_TAGS: Schema = Schema::new(&[|| vec![Box::new(Note), Box::new(Tag)]]);

struct Note;
struct Tag;

impl MigrationName for Note {
    fn name(&self) -> &'static str {
        "m20260101_000001_create_note"
    }
}

impl MigrationName for Tag {
    fn name(&self) -> &'static str {
        "m20260101_000002_create_tag"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Note {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::Sqlite {
            APPLIED.fetch_add(1, Ordering::Relaxed);
        }
        let sql = "CREATE TABLE note (text text)";
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Tag {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = "CREATE TABLE tag (text text)";
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }
}

async fn count(database: &TestDatabase, table: &str) -> Option<i64> {
    let sql = format!("SELECT count(*) FROM {table}");
    let statement = Statement::from_string(database.db.get_database_backend(), sql);
    let row = database.db.query_one_raw(statement).await.ok()?.unwrap();
    Some(row.try_get_by_index(0).unwrap())
}

#[rstest]
#[tokio::test]
async fn tests_do_not_see_each_other_s_rows(#[values(Sqlite, Postgres)] backend: Backend) {
    let Some(one) = TestDatabase::with_schema(backend, NOTES).await else {
        return;
    };
    let other = TestDatabase::with_schema(backend, NOTES).await.unwrap();
    one.execute("INSERT INTO note VALUES ('one')").await;
    assert_eq!(count(&one, "note").await, Some(1));
    assert_eq!(count(&other, "note").await, Some(0));
    assert_eq!(one.backend(), backend);
}

#[rstest]
#[tokio::test]
async fn schemas_with_different_steps_are_kept_apart(#[values(Sqlite, Postgres)] backend: Backend) {
    let Some(notes) = TestDatabase::with_schema(backend, NOTES).await else {
        return;
    };
    let both = TestDatabase::with_schema(backend, NOTES_AND_TAGS)
        .await
        .unwrap();
    let empty = TestDatabase::empty(backend).await.unwrap();
    for (database, steps) in [(&notes, 1), (&both, 2)] {
        let status = NOTES_AND_TAGS.status(&database.db).await.unwrap();
        assert_eq!(status.applied.len(), steps);
    }
    assert_eq!(count(&notes, "tag").await, None);
    assert_eq!(count(&both, "tag").await, Some(0));
    assert_eq!(count(&empty, "note").await, None);
}

#[tokio::test]
async fn a_schema_is_applied_once_for_many_tests() {
    for _ in 0..3 {
        TestDatabase::with_schema(Sqlite, NOTES).await.unwrap();
        let both = TestDatabase::with_schema(Sqlite, NOTES_AND_TAGS).await;
        both.unwrap();
    }
    assert_eq!(APPLIED.load(Ordering::Relaxed), 2, "once for each schema");
}

#[tokio::test]
async fn a_database_with_a_schema_can_be_on_the_server_of_a_test() {
    let Some(server) = Server::start() else {
        return;
    };
    let database = TestDatabase::with_schema_on(&server, "notes", NOTES).await;
    assert_eq!(count(&database, "note").await, Some(0));
    assert!(database.url().ends_with("/notes"));
}

#[rstest]
#[tokio::test]
async fn a_database_is_dropped_with_its_test(#[values(Sqlite, Postgres)] backend: Backend) {
    let Some(database) = TestDatabase::with_schema(backend, NOTES).await else {
        return;
    };
    let url = database.url().to_owned();
    drop(database);
    match backend {
        Sqlite => assert!(!std::fs::exists(url.trim_start_matches("sqlite://")).unwrap()),
        Postgres => assert!(PgConnection::connect(&url).await.is_err()),
    }
}
