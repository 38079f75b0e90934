//! This worker's lease, by this process's clock.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use uuid::Uuid;

/// The id under which this process holds jobs, and until when.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) length: Duration,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    worker: Uuid,
    renewed_at: Instant,
}

impl Lease {
    pub(super) fn new(worker: Uuid, length: Duration) -> Self {
        Self {
            length,
            state: Mutex::new(State {
                worker,
                renewed_at: Instant::now(),
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn worker(&self) -> Uuid {
        self.state().worker
    }

    /// Whether the jobs are certainly still this worker's, so that one may begin.
    pub(super) fn is_current(&self) -> bool {
        self.state().renewed_at.elapsed() < self.length
    }

    /// Notes a renewal that was requested at `asked_at`.
    pub(super) fn renewed(&self, asked_at: Instant) {
        self.state().renewed_at = asked_at;
    }

    /// Continues under another id.
    pub(super) fn replace(&self, worker: Uuid, asked_at: Instant) {
        *self.state() = State {
            worker,
            renewed_at: asked_at,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_that_was_not_renewed_in_time_is_over() {
        let lease = Lease::new(Uuid::nil(), Duration::ZERO);
        assert!(!lease.is_current());
        let lease = Lease::new(Uuid::nil(), Duration::from_mins(1));
        assert!(lease.is_current());
    }
}
