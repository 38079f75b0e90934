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

/// A claimed job on its way to its attempt, with the slot that it takes up until the attempt ends.
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
    /// Held for reading by a claim under way, for writing by a reconciliation: a job whose claim is
    /// not yet noted must not be taken for one that got lost.
    pub(super) claiming: RwLock<()>,
    /// Which queues' claims are not answered.
    pub(super) claiming_since: Claiming,
    /// Tells of each renewal of the lease, and whether a rescue is due.
    pub(super) renewals: watch::Sender<bool>,
    /// Jobs that are leased to this worker and that it does not hold.
    pub(super) unconfirmed: UnconfirmedClaims,
    /// Which of its queues have a limit across all workers.
    pub(super) limited_queues: LimitedQueues,
    /// Held for reading by every job that this process holds, for writing by one that runs solo.
    pub(super) solo: Arc<RwLock<()>>,
    /// Held by the job whose turn it is to run solo, from when it begins to wait for that.
    pub(super) solo_turn: Mutex<()>,
    /// Where attempts report.
    pub(super) reports: mpsc::Sender<Report>,
    /// What makes each queue look for jobs at once.
    pub(super) wakeups: Wakeups,
    /// Whether PostgreSQL says when there is something new.
    pub(super) is_listening: AtomicBool,
    /// Is cancelled when no further attempt may begin.
    pub(super) draining: CancellationToken,
    /// Is cancelled when all attempts have ended.
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
