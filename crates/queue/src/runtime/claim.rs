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
const LAST_LOOK_POLLING: Duration = Duration::from_millis(1300);

/// The bytes of payloads that one claim asks for.
const PORTION: usize = 16 * 1024 * 1024;

/// How many jobs the first claim asks for, whose size is not known.
const FIRST_PORTION: usize = 100;

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
    let mut portion = Portion::default();
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

        let wanted = free.num_permits().min(portion.jobs);
        let claimed = if shared.lease.is_current() {
            claim(queue, shared, &mut cursor, free, wanted, assigned).await
        } else {
            Ok(Claimed::default())
        };
        if let Ok(claimed) = &claimed {
            portion.fit(claimed);
        }
        match claimed.map(|claimed| claimed.jobs) {
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
                    portion.halve(wanted);
                    // The pool may wait for this connection, see `with_own_connection`.
                    cursor = ClaimCursor::new(store.with_own_connection(), &queue.name);
                }
                let pause = tokio::time::sleep(pauses.next());
                shared.draining.run_until_cancelled(pause).await;
            }
        }
    }
}

/// What a claim brought.
#[derive(Default)]
struct Claimed {
    jobs: usize,
    /// The size of their payloads.
    bytes: usize,
}

/// How many jobs one claim asks for. Their payloads are held in memory, and have to arrive within the
/// time limit of a statement. Otherwise the next claim would ask for the same again.
struct Portion {
    jobs: usize,
}

impl Default for Portion {
    fn default() -> Self {
        let jobs = FIRST_PORTION;
        Self { jobs }
    }
}

impl Portion {
    /// As many jobs as have [`PORTION`] bytes if the next ones are as large as the last.
    fn fit(&mut self, last: &Claimed) {
        if last.jobs > 0 {
            self.jobs = (PORTION * last.jobs / last.bytes.max(1)).max(1);
        }
    }

    /// Half as many as were asked for, because they did not arrive in time.
    fn halve(&mut self, asked: usize) {
        self.jobs = (asked / 2).max(1);
    }
}

/// Claims up to `wanted` jobs, for which there are free slots.
async fn claim(
    queue: &Queue,
    shared: &Shared,
    cursor: &mut ClaimCursor,
    mut free: OwnedSemaphorePermit,
    wanted: usize,
    assigned: &mpsc::UnboundedSender<Assigned>,
) -> Result<Claimed, super::retry::StatementError> {
    let shared_run: SharedRun = Arc::new(Arc::clone(&shared.solo).read_owned().await);
    let _claiming = shared.claiming.read().await;
    shared.claiming_since.due(&queue.name);
    let worker = shared.lease.worker();
    let wanted = wanted as u64;
    let jobs = if shared.limited_queues.has(&queue.name) {
        in_time(cursor.claim_limited(worker, wanted)).await
    } else {
        in_time(cursor.claim(worker, wanted)).await
    };
    let jobs = jobs.inspect_err(|_| shared.unconfirmed.claim_failed())?;
    shared.claiming_since.answered(&queue.name);
    let claimed = Claimed {
        jobs: jobs.len(),
        bytes: jobs.iter().map(|job| job.payload.len()).sum(),
    };
    CLAIMED.add(claimed.jobs as u64, [queue.name.clone().into()]);
    // There are never more jobs than slots.
    let slots = from_fn(|| free.split(1));
    for (job, slot) in jobs.into_iter().zip(slots) {
        let hold = shared
            .local_jobs
            .insert(job.id, job.lease_number, Arc::clone(&shared_run));
        // The receiver is dropped only after this loop ends.
        drop(assigned.send(Assigned { job, hold, slot }));
    }
    Ok(claimed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEBIBYTE: usize = 1024 * 1024;

    #[test]
    fn a_claim_asks_for_no_more_bytes_than_a_portion() {
        let mut portion = Portion::default();
        assert_eq!(portion.jobs, FIRST_PORTION);
        portion.fit(&Claimed {
            jobs: 100,
            bytes: 100 * MEBIBYTE,
        });
        assert_eq!(portion.jobs, PORTION / MEBIBYTE);
        // An empty queue says nothing about the size of the next jobs.
        portion.fit(&Claimed::default());
        assert_eq!(portion.jobs, PORTION / MEBIBYTE);
        portion.fit(&Claimed {
            jobs: 1000,
            bytes: 0,
        });
        assert!(portion.jobs > 10_000);
    }

    #[test]
    fn after_a_claim_that_did_not_arrive_in_time_the_next_asks_for_half() {
        let mut portion = Portion::default();
        for half in [3, 1, 1] {
            let asked = portion.jobs.min(7);
            portion.halve(asked);
            assert_eq!(portion.jobs, half);
        }
    }
}
