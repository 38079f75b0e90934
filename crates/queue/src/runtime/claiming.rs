//! Queues whose claims get no answer.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Since when each queue's loop has claimed without an answer.
#[derive(Debug, Default)]
pub(super) struct Claiming(Mutex<BTreeMap<String, Instant>>);

impl Claiming {
    /// Notes that a claim is due.
    pub(super) fn due(&self, queue: &str) {
        self.since()
            .entry(queue.to_owned())
            .or_insert_with(Instant::now);
    }

    /// Notes that the database answered a claim.
    pub(super) fn answered(&self, queue: &str) {
        self.since().remove(queue);
    }

    fn since(&self) -> MutexGuard<'_, BTreeMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn vain_for(&self, patience: Duration) -> Vec<String> {
        let since = self.since();
        let vain = since.iter().filter(|(_, due)| due.elapsed() >= patience);
        vain.map(|(queue, _)| queue.clone()).collect()
    }
}
