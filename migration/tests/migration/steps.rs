//! Every step, and the list of them. That migrations wait, take turns and start afresh is tested in
//! `crates/database`.

use std::{collections::BTreeSet, fs, path::Path};

use e2e::{Backend, TestDatabase};
use migration::{SCHEMA, steps};
use rstest::rstest;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

#[test]
fn every_file_of_a_step_is_in_the_list() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/steps");
    // Without a step git keeps no folder.
    let files = fs::read_dir(folder).into_iter().flatten();
    let files = files.map(|file| {
        let path = file.unwrap().path();
        path.file_stem().unwrap().to_str().unwrap().to_owned()
    });
    let steps = steps::all()
        .iter()
        .map(|step| step.name().to_owned())
        .collect();
    assert_eq!(files.collect::<BTreeSet<String>>(), steps);
}

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
    let steps = SCHEMA.names().len();
    let mut schemas = vec![schema(db, backend).await];
    for _ in 0..steps {
        SCHEMA.up(db, Some(1)).await.unwrap();
        let before = schema(db, backend).await;
        assert_ne!(
            &before,
            schemas.last().unwrap(),
            "the step changes something"
        );
        SCHEMA.down(db, 1).await.unwrap();
        assert_eq!(
            &schema(db, backend).await,
            schemas.last().unwrap(),
            "down takes it back"
        );
        SCHEMA.up(db, Some(1)).await.unwrap();
        assert_eq!(schema(db, backend).await, before, "up makes it again");
        schemas.push(before);
    }
    assert_eq!(
        SCHEMA.status(db).await.unwrap().pending,
        Vec::<String>::new()
    );
}
