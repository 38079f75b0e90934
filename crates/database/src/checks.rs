//! The health check of the database.

use std::time::Duration;

use dockerflow::checks::{Finding, Level};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};

/// A statement that takes longer than this counts as no answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// Reports an error if the database does not answer, or takes no writes.
pub async fn connected(db: &DatabaseConnection) -> Vec<Finding> {
    let problem = match tokio::time::timeout(PATIENCE, is_read_only(db)).await {
        Ok(Ok(false)) => return Vec::new(),
        Ok(Ok(true)) => "the database is read-only",
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

/// Asks a server whose role, database or operator may have made sessions read-only.
async fn is_read_only(db: &DatabaseConnection) -> Result<bool, DbErr> {
    if db.get_database_backend() == DbBackend::Sqlite {
        return db.ping().await.map(|()| false);
    }
    let sql = "SELECT current_setting('transaction_read_only')::bool";
    let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, sql));
    row.await?.map_or(Ok(false), |row| row.try_get_by_index(0))
}
