//! The jobs that this process holds: from their claim until the database took their outcome.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::OwnedRwLockReadGuard, task::AbortHandle};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// What a claim's jobs hold of `Shared::company`, which goes with the last of them.
pub(super) type Company = Arc<OwnedRwLockReadGuard<()>>;

#[derive(Debug, Default)]
pub(super) struct Held(Mutex<HashMap<Uuid, Attempt>>);

#[derive(Debug)]
struct Attempt {
    lease_number: i32,
    cancellation: CancellationToken,
    abort: Option<AbortHandle>,
    is_unwanted: bool,
    company: Option<Company>,
}

impl Held {
    fn jobs(&self) -> MutexGuard<'_, HashMap<Uuid, Attempt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a claim.
    pub(super) fn insert(&self, job: Uuid, lease_number: i32, company: Company) {
        let attempt = Attempt {
            lease_number,
            cancellation: CancellationToken::new(),
            abort: None,
            is_unwanted: false,
            company: Some(company),
        };
        self.jobs().insert(job, attempt);
    }

    /// The job is no company for others any more: it is about to be the only one.
    pub(super) fn leave_company(&self, job: Uuid) {
        let company = self.jobs().get_mut(&job).map(|it| it.company.take());
        drop(company);
    }

    /// Notes how the attempt can be stopped.
    pub(super) fn began(&self, job: Uuid, lease_number: i32, abort: AbortHandle) {
        if let Some(attempt) = self.jobs().get_mut(&job)
            && attempt.lease_number == lease_number
        {
            attempt.abort = Some(abort);
        }
    }

    /// The token of a claim that is still held.
    pub(super) fn cancellation(&self, job: Uuid) -> CancellationToken {
        self.jobs()
            .get(&job)
            .map(|attempt| attempt.cancellation.clone())
            .unwrap_or_default()
    }

    /// Lets go of a claim. A later claim of the same job is another one and stays.
    pub(super) fn remove(&self, job: Uuid, lease_number: i32) {
        let mut jobs = self.jobs();
        if jobs
            .get(&job)
            .is_some_and(|attempt| attempt.lease_number == lease_number)
        {
            jobs.remove(&job);
        }
    }

    /// Whether a claim is held: no outcome of it is stored yet.
    pub(super) fn holds(&self, job: Uuid, lease_number: i32) -> bool {
        let jobs = self.jobs();
        let attempt = jobs.get(&job);
        attempt.is_some_and(|attempt| attempt.lease_number == lease_number)
    }

    pub(super) fn ids(&self) -> Vec<Uuid> {
        self.jobs().keys().copied().collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.jobs().is_empty()
    }

    /// Tells attempts that somebody cancelled their jobs.
    pub(super) fn cancel(&self, ids: &[Uuid]) {
        let mut jobs = self.jobs();
        for id in ids {
            if let Some(attempt) = jobs.get_mut(id) {
                attempt.is_unwanted = true;
                attempt.cancellation.cancel();
            }
        }
    }

    /// Whether somebody cancelled the job.
    pub(super) fn is_unwanted(&self, job: Uuid) -> bool {
        self.jobs()
            .get(&job)
            .is_some_and(|attempt| attempt.is_unwanted)
    }

    /// Tells every attempt that its outcome no longer counts.
    pub(super) fn cancel_all(&self) {
        for attempt in self.jobs().values() {
            attempt.cancellation.cancel();
        }
    }

    /// Stops every attempt at its next await.
    pub(super) fn abort_all(&self) -> usize {
        let jobs = self.jobs();
        let running = jobs.values().filter_map(|attempt| attempt.abort.as_ref());
        running
            .filter(|abort| !abort.is_finished())
            .map(AbortHandle::abort)
            .count()
    }
}
