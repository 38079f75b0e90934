//! The memory that the bodies of all requests take together.

use std::{
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::PollSemaphore;

/// How much of each body does not count, in bytes, so that small requests are served while large ones wait for room.
pub(super) const FREE: u64 = 16 * 1024;

/// How many bytes there may be of all bodies at a time, beyond the first 16 KiB of each.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Arc<Semaphore>);

impl Budget {
    pub(crate) fn new(bytes: u32) -> Self {
        Self(Arc::new(Semaphore::new(bytes as usize)))
    }

    /// How many bytes are not taken.
    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.0.available_permits()
    }

    /// Room for a body, of which nothing is taken yet.
    pub(super) fn room(&self) -> Room {
        Room {
            budget: PollSemaphore::new(self.0.clone()),
            taken: 0,
            held: Held::default(),
        }
    }
}

/// What a body has of the budget until the last clone is dropped.
#[derive(Clone, Debug, Default)]
pub(super) struct Held(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

impl Held {
    fn add(&self, permit: OwnedSemaphorePermit) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *held {
            Some(held) => held.merge(permit),
            None => *held = Some(permit),
        }
    }
}

/// The room that a body takes as it arrives.
pub(super) struct Room {
    budget: PollSemaphore,
    taken: u64,
    held: Held,
}

impl Room {
    /// What is held as long as the body may be in memory.
    pub(super) fn held(&self) -> Held {
        self.held.clone()
    }

    /// Waits until there is room for `bytes` of the body in all.
    pub(super) fn poll_for(&mut self, bytes: u64, context: &mut Context<'_>) -> Poll<()> {
        let missing = bytes.saturating_sub(FREE).saturating_sub(self.taken);
        if missing == 0 {
            return Poll::Ready(());
        }
        let permits = u32::try_from(missing).unwrap_or(u32::MAX);
        // The semaphore is never closed, for which there would be no permit.
        if let Some(permit) = ready!(self.budget.poll_acquire_many(context, permits)) {
            self.held.add(permit);
        }
        self.taken += missing;
        Poll::Ready(())
    }
}
