//! What the loops and the attempts share.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::AtomicBool},
};

use crate::store::{ClaimedJob, Report};
use tokio::sync::{Mutex, Notify, OwnedSemaphorePermit, RwLock, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{
    claiming::Claiming,
    config::{Config, Work},
    lease::Lease,
    limited_queues::LimitedQueues,
    local_jobs::{Hold, LocalJobs},
    unconfirmed::UnconfirmedClaims,
};

/// A claimed job on its way to its attempt, with the slot that it occupies until the attempt ends.
#[derive(Debug)]
pub(super) struct Assigned {
    pub(super) job: ClaimedJob,
    pub(super) hold: Arc<Hold>,
    pub(super) slot: OwnedSemaphorePermit,
}

pub(super) struct Shared {
    pub(super) config: Config,
    pub(super) work: Work,
    pub(super) local_jobs: LocalJobs,
    pub(super) lease: Lease,
    /// A claim holds it for reading, a reconciliation for writing: a job whose claim is not noted
    /// yet must not be taken for a lost one.
    pub(super) claiming: RwLock<()>,
    /// Queues whose claims get no answer.
    pub(super) claiming_since: Claiming,
    /// Signals each renewal of the lease, and whether a rescue is due.
    pub(super) renewals: watch::Sender<bool>,
    /// Jobs that are leased to this worker, but that it does not hold.
    pub(super) unconfirmed: UnconfirmedClaims,
    /// Which of its queues have a limit across all workers.
    pub(super) limited_queues: LimitedQueues,
    /// Every job of this process holds it for reading, a solo job for writing.
    pub(super) solo: Arc<RwLock<()>>,
    /// Held by the job that runs solo or waits to do so.
    pub(super) solo_turn: Mutex<()>,
    /// Takes the reports of attempts.
    pub(super) reports: mpsc::Sender<Report>,
    /// Makes a queue claim at once.
    pub(super) wakeups: Wakeups,
    /// Whether PostgreSQL notifies of new jobs.
    pub(super) is_listening: AtomicBool,
    /// Cancelled when no more attempts may begin.
    pub(super) draining: CancellationToken,
    /// Cancelled when all attempts have ended.
    pub(super) drained: CancellationToken,
}

impl Shared {
    /// Whether an attempt may begin.
    pub(super) fn may_begin(&self) -> bool {
        !self.draining.is_cancelled() && self.lease.is_current()
    }
}

/// The bells of this worker's queues.
#[derive(Debug)]
pub(super) struct Wakeups(HashMap<String, Arc<Notify>>);

impl Wakeups {
    pub(super) fn new<'a>(queues: impl Iterator<Item = &'a str>) -> Self {
        Self(
            queues
                .map(|queue| (queue.to_owned(), Arc::default()))
                .collect(),
        )
    }

    pub(super) fn bell(&self, queue: &str) -> Arc<Notify> {
        self.0.get(queue).cloned().unwrap_or_default()
    }

    pub(super) fn ring(&self, queue: &str) {
        if let Some(bell) = self.0.get(queue) {
            bell.notify_one();
        }
    }

    pub(super) fn ring_all(&self) {
        self.0.values().for_each(|bell| bell.notify_one());
    }
}
