//! The claim loop of one queue. It never claims more jobs than there are free slots, and never
//! waits while there are jobs and free slots.

use std::{
    iter::from_fn,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use crate::store::{ClaimCursor, JobStore};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::{
    local_jobs::SharedRun,
    metrics::CLAIMED,
    retry::{Pauses, in_time, jittered},
    shared::{Assigned, Shared},
};
use crate::settings::Queue;

/// The wait after a claim that emptied the queue. It doubles while the queue stays empty.
const FIRST_LOOK: Duration = Duration::from_millis(20);

/// The longest wait between two claims while PostgreSQL notifies of new jobs.
const LAST_LOOK_LISTENING: Duration = Duration::from_secs(10);

/// The longest wait between two claims without notifications: on SQLite, with
/// `DATABASE_LISTEN_URL=off`, or while the listener is lost. With one queue, all loops together
/// send at most 2 statements a second when idle, as `cargo run --bin latency` counts.
const LAST_LOOK_POLLING: Duration = Duration::from_millis(1200);

/// How long a claim may still take when the worker begins to drain. Its jobs are released.
const LAST_CLAIM: Duration = Duration::from_millis(300);

/// Runs until the worker drains. Its end closes `assigned`, which ends the queue's apalis worker.
pub(super) async fn run(
    queue: Queue,
    shared: Arc<Shared>,
    store: JobStore,
    assigned: mpsc::UnboundedSender<Assigned>,
) {
    tokio::select! {
        () = claim_until_drained(&queue, &shared, store, &assigned) => {}
        // An interrupted claim may have succeeded. Then the worker releases its jobs when it
        // deregisters, or a rescue does if the database executes the claim later.
        () = async {
            shared.draining.cancelled().await;
            tokio::time::sleep(LAST_CLAIM).await;
        } => {}
    }
}

async fn claim_until_drained(
    queue: &Queue,
    shared: &Shared,
    store: JobStore,
    assigned: &mpsc::UnboundedSender<Assigned>,
) {
    let mut cursor = ClaimCursor::new(store.with_own_connection(), &queue.name);
    let slots = Arc::new(Semaphore::new(queue.concurrency));
    let bell = shared.wakeups.bell(&queue.name);
    let mut look = FIRST_LOOK;
    let mut pauses = Pauses::default();
    loop {
        // The semaphore is never closed, so this returns a slot unless the worker drains.
        let slot = Arc::clone(&slots).acquire_owned();
        let Some(Ok(mut free)) = shared.draining.run_until_cancelled(slot).await else {
            return;
        };
        // Only this loop takes slots, so the available ones stay available.
        let more = u32::try_from(slots.available_permits()).unwrap_or(u32::MAX);
        if let Ok(more) = Arc::clone(&slots).try_acquire_many_owned(more) {
            free.merge(more);
        }

        let wanted = free.num_permits();
        let claimed = if shared.lease.is_current() {
            claim(queue, shared, &mut cursor, free, assigned).await
        } else {
            Ok(0)
        };
        match claimed {
            Ok(count) if count == wanted => look = FIRST_LOOK,
            Ok(count) => {
                let last_look = if shared.is_listening.load(Relaxed) {
                    LAST_LOOK_LISTENING
                } else {
                    LAST_LOOK_POLLING
                };
                look = if count > 0 {
                    FIRST_LOOK
                } else {
                    (look * 2).min(last_look)
                };
                tokio::select! {
                    () = bell.notified() => look = FIRST_LOOK,
                    () = tokio::time::sleep(jittered(look)) => {}
                    () = shared.draining.cancelled() => {}
                }
                pauses.reset();
            }
            Err(error) => {
                tracing::warn!(queue = queue.name, %error, "jobs cannot be claimed");
                if error.is_silence() {
                    // The pool may wait for this connection, see `with_own_connection`.
                    cursor = ClaimCursor::new(store.with_own_connection(), &queue.name);
                }
                let pause = tokio::time::sleep(pauses.next());
                shared.draining.run_until_cancelled(pause).await;
            }
        }
    }
}

/// Claims at most one job for each free slot, and returns how many.
async fn claim(
    queue: &Queue,
    shared: &Shared,
    cursor: &mut ClaimCursor,
    mut free: OwnedSemaphorePermit,
    assigned: &mpsc::UnboundedSender<Assigned>,
) -> Result<usize, super::retry::StatementError> {
    let shared_run: SharedRun = Arc::new(Arc::clone(&shared.solo).read_owned().await);
    let _claiming = shared.claiming.read().await;
    shared.claiming_since.due(&queue.name);
    let worker = shared.lease.worker();
    let wanted = free.num_permits() as u64;
    let jobs = if shared.limited_queues.has(&queue.name) {
        in_time(cursor.claim_limited(worker, wanted)).await
    } else {
        in_time(cursor.claim(worker, wanted)).await
    };
    let jobs = jobs.inspect_err(|_| shared.unconfirmed.claim_failed())?;
    shared.claiming_since.answered(&queue.name);
    let count = jobs.len();
    CLAIMED.add(count as u64, [queue.name.clone().into()]);
    // There are never more jobs than slots.
    let slots = from_fn(|| free.split(1));
    for (job, slot) in jobs.into_iter().zip(slots) {
        let hold = shared
            .local_jobs
            .insert(job.id, job.lease_number, Arc::clone(&shared_run));
        // The receiver is dropped only after this loop ends.
        drop(assigned.send(Assigned { job, hold, slot }));
    }
    Ok(count)
}
