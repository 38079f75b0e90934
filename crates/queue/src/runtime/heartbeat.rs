//! The heartbeat loop: renews this worker's lease.

use std::{sync::Arc, time::Instant};

use crate::store::{Heartbeat, JobStore, heartbeat_interval};
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use super::{
    retry::{StatementError, in_time},
    shared::Shared,
};

/// Runs until all attempts have ended: a worker that drains is alive.
pub(super) async fn run(shared: Arc<Shared>, store: JobStore) {
    let drained = shared.drained.clone();
    drained
        .run_until_cancelled(Box::pin(beat_for_ever(&shared, &store)))
        .await;
}

/// Registers this worker under an id.
pub(super) async fn register(
    shared: &Shared,
    store: &JobStore,
    worker: Uuid,
) -> Result<(), StatementError> {
    let config = &shared.config;
    in_time(store.register_worker(
        worker,
        &config.hostname,
        &config.queues.to_string(),
        config.lease,
    ))
    .await
}

async fn beat_for_ever(shared: &Shared, shared_store: &JobStore) {
    // It must not wait for statements about jobs: a lock may hold them up for longer than a lease.
    let mut store = shared_store.with_own_connection();
    let mut ticks = tokio::time::interval(heartbeat_interval(shared.config.lease));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut said_lost = false;
    loop {
        ticks.tick().await;
        if let Err(error) = beat(shared, &store).await {
            tracing::warn!(%error, "the lease cannot be renewed");
            if error.is_silence() {
                // The pool may wait for this connection, see `with_own_connection`.
                store = shared_store.with_own_connection();
            }
        }
        let is_lost = !shared.lease.is_current();
        if is_lost && !said_lost {
            tracing::error!("the lease has expired: no job starts until it is renewed");
            shared.local_jobs.cancel_all();
        } else if said_lost && !is_lost {
            tracing::info!("the lease is renewed: jobs start again");
        }
        said_lost = is_lost;
    }
}

async fn beat(shared: &Shared, store: &JobStore) -> Result<(), StatementError> {
    let asked_at = Instant::now();
    let worker = shared.lease.worker();
    let heartbeat = in_time(store.heartbeat(worker, shared.config.lease)).await?;
    let Heartbeat::Renewed {
        rescue_is_due,
        clock_is_back,
    } = heartbeat
    else {
        return start_over(shared, store).await;
    };
    shared.lease.renewed(asked_at);
    shared.renewals.send_replace(rescue_is_due);
    if clock_is_back {
        let count = in_time(store.renew_future_leases()).await?;
        tracing::warn!(count, "the database's clock was set back: leases restart");
    }
    Ok(())
}

/// Another worker took this one for dead and took its jobs, so this one continues under a new id.
/// Its attempts have two leases to end by themselves: their outcomes no longer count, but they keep
/// slots.
async fn start_over(shared: &Shared, store: &JobStore) -> Result<(), StatementError> {
    tracing::warn!("another worker took this worker's jobs: it continues under a new id");
    shared.local_jobs.cancel_all();
    let (lost, lease) = (shared.local_jobs.all(), shared.config.lease);
    tokio::spawn(async move {
        tokio::time::sleep(2 * lease).await;
        for hold in lost {
            hold.abort();
        }
    });
    let asked_at = Instant::now();
    let worker = Uuid::now_v7();
    register(shared, store, worker).await?;
    shared.lease.replace(worker, asked_at);
    Ok(())
}

/// Releases all jobs that this worker still holds and removes it, so that no job waits for the end
/// of its lease.
pub(super) async fn deregister(shared: &Shared, store: &JobStore) -> Result<(), StatementError> {
    let worker = shared.lease.worker();
    let count = in_time(store.reconcile(worker, &[])).await?;
    if count > 0 {
        tracing::info!(count, "jobs that did not end in time are released");
    }
    in_time(store.deregister_worker(worker)).await
}
