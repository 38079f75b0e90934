//! Whether this worker does what it is for: `/__heartbeat__` asks.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use dockerflow::checks::{Finding, Level};

use super::shared::Shared;

/// Since when each queue's loop tries in vain to claim.
#[derive(Debug, Default)]
pub(super) struct Claiming(Mutex<BTreeMap<String, Instant>>);

impl Claiming {
    /// Notes that a claim is due.
    pub(super) fn due(&self, queue: &str) {
        self.since()
            .entry(queue.to_owned())
            .or_insert_with(Instant::now);
    }

    /// Notes that the database answered one.
    pub(super) fn answered(&self, queue: &str) {
        self.since().remove(queue);
    }

    fn since(&self) -> MutexGuard<'_, BTreeMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn vain_for(&self, patience: Duration) -> Vec<String> {
        let since = self.since();
        let vain = since.iter().filter(|(_, due)| due.elapsed() >= patience);
        vain.map(|(queue, _)| queue.clone()).collect()
    }
}

/// The health of a worker that runs.
#[derive(Clone)]
pub(super) struct Health(pub(super) Arc<Shared>);

impl Health {
    /// An error where the worker has not renewed its lease, or has not been answered to a claim, for
    /// as long as a lease.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let Self(shared) = self;
        let length = shared.lease.length;
        let mut findings = Vec::new();
        if !shared.lease.is_current() {
            findings.push(Finding::new(
                Level::Error,
                "worker.0001",
                format!("the lease was not renewed for {length:?}"),
            ));
        }
        let vain = shared.claiming_since.vain_for(length);
        if !vain.is_empty() && !shared.draining.is_cancelled() {
            findings.push(Finding::new(
                Level::Error,
                "worker.0002",
                format!(
                    "nothing could be claimed for {length:?} from: {}",
                    vain.join(", ")
                ),
            ));
        }
        findings
    }
}
