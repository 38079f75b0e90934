//! Which queues have a limit across all workers, as far as this worker knows.

use std::{
    collections::HashSet,
    sync::{PoisonError, RwLock},
};

/// The names of the queues that have a limit.
#[derive(Debug, Default)]
pub(super) struct LimitedQueues(RwLock<HashSet<String>>);

impl LimitedQueues {
    pub(super) fn has(&self, queue: &str) -> bool {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(queue)
    }

    pub(super) fn set(&self, queues: Vec<String>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = queues.into_iter().collect();
    }
}
