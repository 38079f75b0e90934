//! The promote loop: scheduled jobs whose time has come.

use std::{sync::Arc, time::Duration};

use crate::store::JobStore;

use super::{retry::in_time, shared::Shared};

/// A scheduled job is late by at most so much.
const INTERVAL: Duration = Duration::from_secs(2);

/// How many jobs one statement promotes; a full batch is followed by the next at once.
const BATCH: u64 = 1000;

/// Runs until the worker drains.
pub(super) async fn run(shared: Arc<Shared>, store: JobStore) {
    let draining = shared.draining.clone();
    draining
        .run_until_cancelled(promote_for_ever(&shared, &store))
        .await;
}

async fn promote_for_ever(shared: &Shared, store: &JobStore) {
    loop {
        match in_time(store.promote(BATCH)).await {
            Ok(BATCH) => {
                shared.wakeups.ring_all();
                continue;
            }
            Ok(0) => {}
            Ok(_) => shared.wakeups.ring_all(),
            Err(error) => tracing::warn!(%error, "scheduled jobs cannot be promoted"),
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
