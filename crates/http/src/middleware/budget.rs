//! The memory that the bodies of all requests take together.

use std::{
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::PollSemaphore;

/// How many bytes of each body do not count: small requests do not wait for room.
pub(super) const FREE: u64 = 16 * 1024;

/// Limits the bytes of all bodies in memory, beyond the first 16 KiB of each.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Arc<Semaphore>);

impl Budget {
    pub(crate) fn new(bytes: u32) -> Self {
        Self(Arc::new(Semaphore::new(bytes as usize)))
    }

    /// How many bytes are free.
    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.0.available_permits()
    }

    /// An empty room for a body.
    pub(super) fn room(&self) -> Room {
        Room {
            budget: PollSemaphore::new(self.0.clone()),
            taken: 0,
            held: Held::default(),
        }
    }
}

/// The part of the budget that a body holds until the last clone is dropped.
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

/// The room of a body, which grows as the body arrives.
pub(super) struct Room {
    budget: PollSemaphore,
    taken: u64,
    held: Held,
}

impl Room {
    /// Keep it as long as the body may be in memory.
    pub(super) fn held(&self) -> Held {
        self.held.clone()
    }

    /// Waits until the room has `bytes` in total.
    pub(super) fn poll_for(&mut self, bytes: u64, context: &mut Context<'_>) -> Poll<()> {
        let missing = bytes.saturating_sub(FREE).saturating_sub(self.taken);
        if missing == 0 {
            return Poll::Ready(());
        }
        let permits = u32::try_from(missing).unwrap_or(u32::MAX);
        // A permit is missing only if the semaphore is closed, which never happens.
        if let Some(permit) = ready!(self.budget.poll_acquire_many(context, permits)) {
            self.held.add(permit);
        }
        self.taken += missing;
        Poll::Ready(())
    }
}
