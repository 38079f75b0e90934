//! The health check of the queues.

use std::time::Duration;

use dockerflow::checks::{Finding, Level};
use sea_orm::DatabaseConnection;

use crate::store::JobStore;

/// A statement that takes longer than this counts as no answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// A job should not wait longer than this for a worker.
const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// A job that died within this time is reported.
const RECENTLY: Duration = Duration::from_hours(1);

/// Warns if jobs wait in a queue without a live worker, if a job has waited for more than five
/// minutes, and if jobs died within the last hour.
///
/// These are not errors, because a web process that only enqueues jobs is better than none.
pub async fn queues(db: &DatabaseConnection) -> Vec<Finding> {
    let store = JobStore::new(db.clone());
    let warning = |id, message| Finding::new(Level::Warning, id, message);
    // Another check reports a database that does not answer.
    let Ok(Ok(health)) = tokio::time::timeout(PATIENCE, store.health(RECENTLY)).await else {
        return vec![warning(
            "queue.0004",
            "the state of the queues is unknown".to_owned(),
        )];
    };
    let mut findings = Vec::new();
    if !health.unattended.is_empty() {
        let queues = health.unattended.join(", ");
        let message = format!("jobs wait, but no live worker serves: {queues}");
        findings.push(warning("queue.0001", message));
    }
    if let Some(wait) = health.longest_wait.filter(|wait| *wait > LONGEST_WAIT) {
        let message = format!("a job has waited for {} s", wait.as_secs());
        findings.push(warning("queue.0002", message));
    }
    if health.dead > 0 {
        let message = format!("{} jobs died within the last hour", health.dead);
        findings.push(warning("queue.0003", message));
    }
    findings
}
