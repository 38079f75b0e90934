//! The reconcile loop: after heartbeats it compares what the database leases to this worker with what
//! the worker holds, hands back what a lost reply left behind, and takes the jobs of dead workers.
//!
//! It is apart from the heartbeats, because a lock on the jobs may hold it up.

use std::sync::Arc;

use super::{
    connection::SharedConnection,
    metrics::RESCUED,
    retry::{Pauses, StatementError},
    shared::Shared,
};
use crate::store::Rescued;

/// After so many heartbeats it looks without a reason.
const HEARTBEATS: u32 = 4;

/// Runs until all attempts have ended.
pub(super) async fn run(shared: Arc<Shared>, connection: SharedConnection) {
    let drained = shared.drained.clone();
    drained
        .run_until_cancelled(Box::pin(reconcile_for_ever(&shared, &connection)))
        .await;
}

async fn reconcile_for_ever(shared: &Shared, connection: &SharedConnection) {
    let mut renewals = shared.renewals.subscribe();
    let mut unseen = 0;
    let mut pauses = Pauses::default();
    // The sender is in `shared`, so there is always a next one.
    while renewals.changed().await.is_ok() {
        let mut rescue_is_due = *renewals.borrow_and_update();
        unseen += 1;
        if unseen >= HEARTBEATS
            || shared.local_jobs.any()
            || shared.unconfirmed.claim_failed_lately()
        {
            unseen = 0;
            rescue_is_due |= loop {
                match compare(shared, connection).await {
                    Ok(has_orphans) => break has_orphans,
                    Err(error) => tracing::warn!(%error, "the leases of jobs cannot be compared"),
                }
                tokio::time::sleep(pauses.next()).await;
            };
            pauses.reset();
        }
        if rescue_is_due && let Err(error) = rescue(shared, connection).await {
            tracing::warn!(%error, "jobs of dead workers cannot be rescued");
        }
    }
}

/// Compares what the database leases to this worker with what it holds, and answers whether jobs run under no
/// worker.
async fn compare(shared: &Shared, connection: &SharedConnection) -> Result<bool, StatementError> {
    let worker = shared.lease.worker();
    let lease = shared.config.lease;
    let leases = connection
        .in_time(|store| async move { store.leases(worker, lease).await })
        .await?;
    let own = leases.own.iter();
    let unwanted = own
        .clone()
        .filter(|lease| lease.cancel_requested_at.is_some());
    shared.local_jobs.cancel(unwanted.map(|lease| lease.id));
    let claims = own.map(|lease| (lease.id, lease.lease_number));
    let unconfirmed = claims.filter(|(job, number)| !shared.local_jobs.holds(*job, *number));
    if shared.unconfirmed.are_overdue(unconfirmed) {
        let _no_claim = shared.claiming.write().await;
        let held = shared.local_jobs.claims();
        let count = connection
            .in_time(|store| async move { store.reconcile(worker, &held).await })
            .await?;
        if count > 0 {
            tracing::warn!(count, "jobs went back whose claim was never answered");
            shared.wakeups.ring_all();
        }
    }
    Ok(leases.has_orphans)
}

async fn rescue(shared: &Shared, connection: &SharedConnection) -> Result<(), StatementError> {
    let Rescued { requeued, dead } = connection
        .in_time(|store| async move { store.rescue().await })
        .await?;
    if requeued + dead > 0 {
        RESCUED.add(requeued, ["requeued".into()]);
        RESCUED.add(dead, ["dead".into()]);
        tracing::warn!(requeued, dead, "jobs of dead workers were rescued");
        shared.wakeups.ring_all();
    }
    Ok(())
}
