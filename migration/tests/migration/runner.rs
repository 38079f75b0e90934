//! Up, down, status, wait, and two at once.

use e2e::{Backend, TestDatabase};
use rstest::rstest;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

/// Every table with its columns and every index, as the database describes them.
async fn schema(db: &DatabaseConnection, backend: Backend) -> Vec<String> {
    let sql = match backend {
        Backend::Sqlite => {
            "SELECT COALESCE(sql, name) AS line FROM sqlite_master
             WHERE name NOT LIKE 'sqlite_%' AND tbl_name <> 'seaql_migrations' ORDER BY name"
        }
        Backend::Postgres => {
            "SELECT line FROM (
                 SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable
                        || ' ' || COALESCE(column_default, '') AS line
                 FROM information_schema.columns WHERE table_schema = 'public'
                 UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
             ) AS lines WHERE line NOT LIKE '%seaql_migrations%' ORDER BY line"
        }
    };
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let rows = db.query_all_raw(statement).await.unwrap();
    rows.iter()
        .map(|row| row.try_get("", "line").unwrap())
        .collect()
}

#[rstest]
#[tokio::test]
async fn every_step_can_be_applied_reverted_and_reapplied(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(database) = TestDatabase::empty(backend).await else {
        return;
    };
    let db = &database.db;
    let steps = migration::SCHEMA.names().len();
    let mut schemas = vec![schema(db, backend).await];
    for _ in 0..steps {
        migration::SCHEMA.up(db, Some(1)).await.unwrap();
        let before = schema(db, backend).await;
        assert_ne!(
            &before,
            schemas.last().unwrap(),
            "the step changes something"
        );
        migration::SCHEMA.down(db, 1).await.unwrap();
        assert_eq!(
            &schema(db, backend).await,
            schemas.last().unwrap(),
            "down takes it back"
        );
        migration::SCHEMA.up(db, Some(1)).await.unwrap();
        assert_eq!(schema(db, backend).await, before, "up makes it again");
        schemas.push(before);
    }
    assert_eq!(
        migration::SCHEMA.status(db).await.unwrap().pending,
        Vec::<String>::new()
    );
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
        processes.spawn(async move { migration::SCHEMA.up(&db, None).await });
    }
    while let Some(result) = processes.join_next().await {
        result.unwrap().unwrap();
    }
    assert_eq!(
        migration::SCHEMA
            .status(&database.db)
            .await
            .unwrap()
            .pending,
        Vec::<String>::new()
    );
}

#[rstest]
#[tokio::test]
async fn a_database_of_a_newer_release_is_ahead_which_is_not_an_error(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(database) = TestDatabase::migrated(backend).await else {
        return;
    };
    let db = &database.db;
    database
        .execute("INSERT INTO seaql_migrations VALUES ('m29991231_000000_later', 0)")
        .await;

    migration::SCHEMA.up(db, None).await.unwrap();
    migration::SCHEMA.wait(db).await;
    let status = migration::SCHEMA.status(db).await.unwrap();
    assert_eq!(status.ahead, ["m29991231_000000_later"]);
    assert_eq!(status.pending, Vec::<String>::new());

    let findings = migration::SCHEMA.check(db).await;
    assert_eq!(findings[0].message, "ahead: m29991231_000000_later");

    let error = migration::SCHEMA.down(db, 1).await.unwrap_err().to_string();
    assert!(error.contains("only that one can take it back"), "{error}");
}

#[rstest]
#[tokio::test]
async fn the_health_check_warns_of_pending_steps(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(database) = TestDatabase::empty(backend).await else {
        return;
    };
    migration::SCHEMA.up(&database.db, Some(1)).await.unwrap();
    let findings = migration::SCHEMA.check(&database.db).await;
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].level, dockerflow::checks::Level::Warning);
    let pending = migration::SCHEMA
        .status(&database.db)
        .await
        .unwrap()
        .pending;
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
    let waiting = tokio::spawn(async move { migration::SCHEMA.wait(&db).await });
    migration::SCHEMA.up(&database.db, Some(1)).await.unwrap();
    assert!(!waiting.is_finished());
    migration::SCHEMA.up(&database.db, None).await.unwrap();
    waiting.await.unwrap();
}

#[rstest]
#[tokio::test]
async fn fresh_drops_everything_and_applies_all_steps(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(database) = TestDatabase::migrated(backend).await else {
        return;
    };
    database
        .execute("INSERT INTO \"user\" (name, email) VALUES ('ada', 'ada@example.net')")
        .await;
    database.execute("CREATE TABLE other (id int)").await;
    migration::SCHEMA.fresh(&database.db).await.unwrap();
    let expected = TestDatabase::migrated(backend).await.unwrap();
    assert_eq!(
        schema(&database.db, backend).await,
        schema(&expected.db, backend).await
    );
}
