//! The encoding of a PostgreSQL database.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};

/// Fails if the database cannot store every text. A request with a name outside its encoding would
/// fail. `SQL_ASCII` stores bytes as they are.
pub(super) async fn check(db: &DatabaseConnection) -> Result<(), DbErr> {
    let sql = "SELECT current_setting('server_encoding')";
    let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, sql));
    let encoding: Option<String> = row.await?.map_or(Ok(None), |row| row.try_get_by_index(0))?;
    match encoding.as_deref() {
        None | Some("UTF8" | "SQL_ASCII") => Ok(()),
        Some(encoding) => Err(DbErr::Migration(format!(
            "the database has the encoding {encoding}, which cannot store every text: create it with \
             ENCODING 'UTF8'"
        ))),
    }
}
