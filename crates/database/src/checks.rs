//! The health check of the database.

use std::time::Duration;

use dockerflow::checks::{Finding, Level};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};

/// A statement that takes longer than this counts as no answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// Reports an error if the database does not answer, takes no writes, or is a file that was deleted.
pub async fn connected(db: &DatabaseConnection) -> Vec<Finding> {
    let problem = match tokio::time::timeout(PATIENCE, problem(db)).await {
        Ok(Ok(None)) => return Vec::new(),
        Ok(Ok(Some(problem))) => problem,
        Ok(Err(error)) => {
            tracing::error!(%error, "the database does not answer");
            "the database cannot be reached"
        }
        Err(_) => {
            let seconds = PATIENCE.as_secs();
            tracing::error!(seconds, "the database does not answer in time");
            "the database did not answer in time"
        }
    };
    vec![Finding::new(Level::Error, "db.0001", problem)]
}

/// What is wrong with a database that answers.
async fn problem(db: &DatabaseConnection) -> Result<Option<&'static str>, DbErr> {
    if db.get_database_backend() == DbBackend::Sqlite {
        db.ping().await?;
        let pool = db.get_sqlite_connection_pool();
        let is_there = pool.connect_options().get_filename().exists();
        // What is written to it is gone with the process.
        return Ok((!is_there).then_some("the database's file was deleted"));
    }
    // The role, the database or an operator may have made sessions read-only.
    let sql = "SELECT current_setting('transaction_read_only')::bool";
    let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, sql));
    let is_read_only: bool = row
        .await?
        .map_or(Ok(false), |row| row.try_get_by_index(0))?;
    Ok(is_read_only.then_some("the database is read-only"))
}
