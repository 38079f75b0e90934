//! The jobs that this process holds: from the claim until the database has stored the outcome.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{sync::OwnedRwLockReadGuard, task::AbortHandle};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Keeps a solo job from running next to the jobs of a claim. The last of these jobs drops it.
pub(super) type SharedRun = Arc<OwnedRwLockReadGuard<()>>;

#[derive(Debug, Default)]
pub(super) struct LocalJobs(Mutex<HashMap<Uuid, Arc<Hold>>>);

/// What this process knows about a job that it holds.
#[derive(Debug)]
pub(super) struct Hold {
    lease_number: i32,
    /// Tells its attempt to end.
    pub(super) cancellation: CancellationToken,
    is_unwanted: AtomicBool,
    abort: OnceLock<AbortHandle>,
    shared_run: Mutex<Option<SharedRun>>,
}

impl Hold {
    /// Called before the job runs solo, so that it does not wait for itself.
    pub(super) fn leave_shared_run(&self) {
        let shared_run = locked(&self.shared_run).take();
        drop(shared_run);
    }

    /// Notes how the attempt can be stopped.
    pub(super) fn began(&self, abort: AbortHandle) {
        // An attempt begins once.
        let _ = self.abort.set(abort);
    }

    /// Stops the attempt at its next await.
    pub(super) fn abort(&self) {
        if let Some(abort) = self.abort.get() {
            abort.abort();
        }
    }

    /// Whether the job was cancelled.
    pub(super) fn is_unwanted(&self) -> bool {
        self.is_unwanted.load(Ordering::Acquire)
    }
}

impl LocalJobs {
    fn jobs(&self) -> MutexGuard<'_, HashMap<Uuid, Arc<Hold>>> {
        locked(&self.0)
    }

    /// Notes a claim.
    pub(super) fn insert(&self, job: Uuid, lease_number: i32, shared_run: SharedRun) -> Arc<Hold> {
        let hold = Arc::new(Hold {
            lease_number,
            cancellation: CancellationToken::new(),
            is_unwanted: AtomicBool::new(false),
            abort: OnceLock::new(),
            shared_run: Mutex::new(Some(shared_run)),
        });
        self.jobs().insert(job, Arc::clone(&hold));
        hold
    }

    /// Removes a claim. A later claim of the same job stays.
    pub(super) fn remove(&self, job: Uuid, lease_number: i32) {
        let mut jobs = self.jobs();
        if jobs
            .get(&job)
            .is_some_and(|hold| hold.lease_number == lease_number)
        {
            jobs.remove(&job);
        }
    }

    /// Whether any claim is held.
    pub(super) fn any(&self) -> bool {
        !self.jobs().is_empty()
    }

    /// Whether a claim is held, which means that its outcome is not stored yet.
    pub(super) fn holds(&self, job: Uuid, lease_number: i32) -> bool {
        let jobs = self.jobs();
        let hold = jobs.get(&job);
        hold.is_some_and(|hold| hold.lease_number == lease_number)
    }

    /// All claims that are held: the jobs and their lease numbers.
    pub(super) fn claims(&self) -> Vec<(Uuid, i32)> {
        let jobs = self.jobs();
        let claims = jobs.iter().map(|(job, hold)| (*job, hold.lease_number));
        claims.collect()
    }

    /// Tells attempts that their jobs were cancelled.
    pub(super) fn cancel(&self, ids: impl Iterator<Item = Uuid>) {
        let jobs = self.jobs();
        for hold in ids.filter_map(|id| jobs.get(&id)) {
            hold.is_unwanted.store(true, Ordering::Release);
            hold.cancellation.cancel();
        }
    }

    /// Tells every attempt that its outcome no longer counts.
    pub(super) fn cancel_all(&self) {
        for hold in self.jobs().values() {
            hold.cancellation.cancel();
        }
    }

    /// Everything that is held now.
    pub(super) fn all(&self) -> Vec<Arc<Hold>> {
        self.jobs().values().cloned().collect()
    }

    /// Stops every attempt at its next await, and returns how many were running.
    pub(super) fn abort_all(&self) -> usize {
        let jobs = self.jobs();
        let running = jobs.values().filter_map(|hold| hold.abort.get());
        running
            .filter(|abort| !abort.is_finished())
            .map(AbortHandle::abort)
            .count()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
