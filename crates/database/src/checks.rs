//! The health check of the database.

use std::time::Duration;

use dockerflow::checks::{Finding, Level};
use sea_orm::DatabaseConnection;

/// A statement that takes longer than this counts as no answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// Reports an error if the database does not answer.
pub async fn connected(db: &DatabaseConnection) -> Vec<Finding> {
    let problem = match tokio::time::timeout(PATIENCE, db.ping()).await {
        Ok(Ok(())) => return Vec::new(),
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
