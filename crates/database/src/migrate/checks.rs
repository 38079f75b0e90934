//! The health checks of the database and its schema.

use dockerflow::checks::{Checks, Finding, Level};
use sea_orm::DatabaseConnection;

use super::Schema;
use crate::checks::{PATIENCE, connected};

pub(super) fn all(schema: Schema, db: &DatabaseConnection) -> Checks {
    let (first, second) = (db.clone(), db.clone());
    Checks::new()
        .register("database", move || {
            let db = first.clone();
            async move { connected(&db).await }
        })
        .register("migrations", move || {
            let db = second.clone();
            async move { current(schema, &db).await }
        })
}

pub(super) async fn current(schema: Schema, db: &DatabaseConnection) -> Vec<Finding> {
    let Ok(Ok(status)) = tokio::time::timeout(PATIENCE, schema.status(db)).await else {
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
