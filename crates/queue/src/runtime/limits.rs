//! The limits loop: it looks up which queues have a limit across all workers, because a claim from
//! one of those takes a lock. A new limit holds even before the next lookup, because the store
//! refuses a plain claim from a limited queue.

use std::{sync::Arc, time::Duration};

use super::{connection::SharedConnection, retry::jittered, shared::Shared};

const INTERVAL: Duration = Duration::from_secs(30);

/// Runs until the worker drains.
pub(super) async fn run(shared: Arc<Shared>, connection: SharedConnection) {
    let draining = shared.draining.clone();
    draining
        .run_until_cancelled(look_for_ever(&shared, &connection))
        .await;
}

async fn look_for_ever(shared: &Shared, connection: &SharedConnection) {
    loop {
        match connection
            .in_time(|store| async move { store.limited_queues().await })
            .await
        {
            Ok(queues) => shared.limited_queues.set(queues),
            Err(error) => tracing::warn!(%error, "the limits of queues cannot be looked up"),
        }
        tokio::time::sleep(jittered(INTERVAL)).await;
    }
}
