//! The reconcile loop: after heartbeats it compares the jobs that the database leases to this
//! worker with those that the worker holds, releases claims with a lost reply, and rescues orphaned
//! jobs.
//!
//! It is separate from the heartbeats, because a lock on the jobs may hold it up.

use std::sync::Arc;

use super::{
    connection::SharedConnection,
    metrics::RESCUED,
    retry::{Pauses, StatementError},
    shared::Shared,
};
use crate::store::Rescued;

/// After this many heartbeats it compares even without a reason.
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
    // The sender is in `shared`, so this never fails.
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

/// Compares the leases in the database with the jobs held here, and returns whether running jobs
/// have no worker.
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
            tracing::warn!(count, "jobs with a lost claim are released");
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
