//! The entities say what the migrations made: the tables that sea-orm would create for them are the
//! tables that are there.

use std::collections::BTreeSet;

use db::entities;
use e2e::{Backend, TestDatabase};
use rstest::rstest;
use sea_orm::{ConnectionTrait, DatabaseConnection, EntityTrait, Schema, Statement};

/// Creates the table of every entity: a new one is a line here.
async fn create_tables(db: &DatabaseConnection) {
    create_table(db, entities::finished_job::Entity).await;
    create_table(db, entities::job::Entity).await;
    create_table(db, entities::queue::Entity).await;
    create_table(db, entities::schedule::Entity).await;
    create_table(db, entities::user::Entity).await;
    create_table(db, entities::worker::Entity).await;
}

async fn create_table<E: EntityTrait>(db: &DatabaseConnection, entity: E) {
    let schema = Schema::new(db.get_database_backend());
    let table = schema.create_table_from_entity(entity);
    db.execute(&table).await.unwrap();
    for index in schema.create_index_from_entity(entity) {
        db.execute(&index).await.unwrap();
    }
}

/// Every column with its type, nullability and default, and every set of columns that is unique.
///
/// The names of indexes are no matter, and neither is a condition `IS NOT NULL`, for a NULL is never
/// a duplicate.
async fn schema(db: &DatabaseConnection, backend: Backend) -> BTreeSet<String> {
    let sql = match backend {
        Backend::Sqlite => SQLITE,
        Backend::Postgres => POSTGRES,
    };
    lines(db, sql).await
}

async fn lines(db: &DatabaseConnection, sql: &str) -> BTreeSet<String> {
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let rows = db.query_all_raw(statement).await.unwrap();
    let line = |row: &sea_orm::QueryResult| row.try_get_by_index(0).unwrap();
    rows.iter().map(line).collect()
}

const POSTGRES: &str = "
SELECT format('%I.%I %s(%s) nullable: %s, identity: %s, default: %s', table_name, column_name, udt_name,
              character_maximum_length, is_nullable, is_identity, column_default)
FROM information_schema.columns
WHERE table_schema = 'public' AND table_name <> 'seaql_migrations'
UNION ALL
SELECT format('%I unique, primary key: %s (%s)', relname, indisprimary, string_agg(attname, ', ' ORDER BY attname))
FROM pg_index
JOIN pg_class ON pg_class.oid = indrelid
JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)
WHERE indisunique AND relnamespace = 'public'::regnamespace AND relname <> 'seaql_migrations'
GROUP BY indexrelid, relname, indisprimary";

const SQLITE: &str = "
WITH made AS (
    SELECT name FROM sqlite_master
    WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> 'seaql_migrations'
)
SELECT format('%s.%s %s nullable: %d, primary key: %d, default: %s', made.name, info.name, info.type,
              NOT info.\"notnull\", info.pk, info.dflt_value)
FROM made, pragma_table_info(made.name) AS info
UNION ALL
SELECT format('%s unique, primary key: %d (%s)', \"table\", is_key, group_concat(column, ', '))
FROM (
    SELECT made.name AS \"table\", list.name AS \"index\", list.origin = 'pk' AS is_key, info.name AS column
    FROM made, pragma_index_list(made.name) AS list, pragma_index_info(list.name) AS info
    WHERE list.\"unique\"
    ORDER BY info.name
)
GROUP BY \"table\", \"index\", is_key";

#[rstest]
#[tokio::test]
async fn every_entity_matches_its_table(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(migrated) = TestDatabase::migrated(backend).await else {
        return;
    };
    let Some(created) = TestDatabase::empty(backend).await else {
        return;
    };
    create_tables(&created.db).await;
    let migrations = schema(&migrated.db, backend).await;
    let entities = schema(&created.db, backend).await;
    let only =
        |these: &BTreeSet<String>, those| these.difference(those).cloned().collect::<Vec<String>>();
    let (of_entities, of_migrations) = (only(&entities, &migrations), only(&migrations, &entities));
    assert!(
        of_entities.is_empty() && of_migrations.is_empty(),
        "only the entities say {of_entities:#?}, only the migrations (is the new entity in `create_tables`, above?) {of_migrations:#?}"
    );
}

#[tokio::test]
async fn every_table_has_an_entity_file_and_every_file_a_table() {
    let files = [
        include_str!("../../../db/src/entities.rs"),
        include_str!("../../../crates/queue/src/entities.rs"),
    ];
    let name = |line: &str| Some(line.strip_prefix("pub mod ")?.strip_suffix(';')?.to_owned());
    let files: BTreeSet<String> = files
        .iter()
        .flat_map(|file| file.lines())
        .filter_map(name)
        .collect();
    let database = TestDatabase::migrated(Backend::Sqlite).await.unwrap();
    let sql = "SELECT name FROM sqlite_master
               WHERE type = 'table' AND name NOT IN ('seaql_migrations', 'sqlite_sequence')";
    assert_eq!(lines(&database.db, sql).await, files);
}
