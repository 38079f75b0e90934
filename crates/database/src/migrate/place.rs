//! Where the list of applied steps is. It is looked for as statements look for tables: in all schemas of the
//! `search_path`.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};
use sea_orm_migration::SchemaManager;

/// The schema that has the list. `None` if no step was ever applied.
pub(super) async fn of_steps(db: &DatabaseConnection) -> Result<Option<String>, DbErr> {
    if db.get_database_backend() == DbBackend::Sqlite {
        let is_there = SchemaManager::new(db).has_table("seaql_migrations").await?;
        return Ok(is_there.then(|| "main".to_owned()));
    }
    let sql = "SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = to_regclass('seaql_migrations')";
    let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, sql));
    row.await?.map(|row| row.try_get_by_index(0)).transpose()
}

/// Fails if new tables would not be made where the list is: a step would not find what the steps before it
/// made, or make it again.
pub(super) async fn check(db: &DatabaseConnection) -> Result<(), DbErr> {
    let Some(there) = of_steps(db).await? else {
        return Ok(());
    };
    if db.get_database_backend() == DbBackend::Sqlite {
        return Ok(());
    }
    let sql = "SELECT current_schema()::text";
    let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, sql));
    let new: Option<String> = row.await?.map_or(Ok(None), |row| row.try_get_by_index(0))?;
    match new {
        Some(new) if new == there => Ok(()),
        new => Err(DbErr::Migration(format!(
            "the tables are in the schema {there}, but new ones would be made in {}: set the search_path of \
             the role or the database",
            new.as_deref().unwrap_or("none")
        ))),
    }
}
