//! The health checks of the database and its schema, which every process has.

use std::time::Duration;

use dockerflow::checks::{Checks, Finding, Level};
use sea_orm::DatabaseConnection;

use crate::status;

/// `database`, whether it answers, and `migrations`, whether its schema is [`current`].
pub fn all(db: &DatabaseConnection) -> Checks {
    let (connected, schema) = (db.clone(), db.clone());
    Checks::new()
        .register("database", move || {
            let db = connected.clone();
            async move { db::checks::connected(&db).await }
        })
        .register("migrations", move || {
            let db = schema.clone();
            async move { current(&db).await }
        })
}

/// As long as the check of the database itself waits.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whether the database has the schema that this binary was built for: a warning if migrations are
/// pending, or if the database is ahead. A service whose database does not answer has another check
/// that says so.
pub async fn current(db: &DatabaseConnection) -> Vec<Finding> {
    let Ok(Ok(status)) = tokio::time::timeout(PATIENCE, status(db)).await else {
        return vec![Finding::new(
            Level::Warning,
            "migration.0003",
            "the state of the schema is unknown".to_owned(),
        )];
    };
    let mut findings = Vec::new();
    if !status.pending.is_empty() {
        findings.push(Finding::new(
            Level::Warning,
            "migration.0001",
            format!("pending: {}", status.pending.join(", ")),
        ));
    }
    if !status.ahead.is_empty() {
        findings.push(Finding::new(
            Level::Warning,
            "migration.0002",
            format!("ahead: {}", status.ahead.join(", ")),
        ));
    }
    findings
}
