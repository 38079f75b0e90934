//! The prune loop: finished jobs that were kept for long enough.

use std::{sync::Arc, time::Duration};

use db::{entities::finished_job::State, jobs::JobStore};

use super::{
    retry::{jittered, limited},
    shared::Shared,
};

const INTERVAL: Duration = Duration::from_mins(5);

/// Small, so that no statement holds locks or the disk for long.
const BATCH: u64 = 1000;

/// Runs until the worker drains.
pub(super) async fn run(shared: Arc<Shared>, store: JobStore) {
    let draining = shared.draining.clone();
    draining
        .run_until_cancelled(prune_for_ever(&shared, &store))
        .await;
}

async fn prune_for_ever(shared: &Shared, store: &JobStore) {
    let config = &shared.config;
    let kept = [
        (State::Completed, config.retention),
        (State::Cancelled, config.retention),
        (State::Dead, config.dead_retention),
    ];
    loop {
        for (state, age) in kept {
            if let Err(error) = prune(store, state, age).await {
                tracing::warn!(%error, "finished jobs cannot be pruned");
            }
        }
        tokio::time::sleep(jittered(INTERVAL)).await;
    }
}

async fn prune(
    store: &JobStore,
    state: State,
    age: Duration,
) -> Result<(), super::retry::StatementError> {
    while limited(store.prune(state, age, BATCH)).await? == BATCH {}
    Ok(())
}
