//! The promote loop: it makes scheduled jobs available when they are due.

use std::{sync::Arc, time::Duration};

use super::{connection::SharedConnection, shared::Shared};

/// A scheduled job becomes available at most this late.
const INTERVAL: Duration = Duration::from_secs(2);

/// How many jobs one statement promotes. After a full batch the next one follows at once.
const BATCH: u64 = 1000;

/// Runs until the worker drains.
pub(super) async fn run(shared: Arc<Shared>, connection: SharedConnection) {
    let draining = shared.draining.clone();
    draining
        .run_until_cancelled(promote_for_ever(&shared, &connection))
        .await;
}

async fn promote_for_ever(shared: &Shared, connection: &SharedConnection) {
    loop {
        match connection
            .in_time(|store| async move { store.promote(BATCH).await })
            .await
        {
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
