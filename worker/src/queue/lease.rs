//! This worker's own lease, by this process's clock.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use uuid::Uuid;

/// Under which id this process holds jobs, and until when.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) length: Duration,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    worker: Uuid,
    renewed_at: Instant,
    steady_since: Instant,
}

impl Lease {
    pub(super) fn new(worker: Uuid, length: Duration) -> Self {
        let now = Instant::now();
        Self {
            length,
            state: Mutex::new(State {
                worker,
                renewed_at: now,
                steady_since: now,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn worker(&self) -> Uuid {
        self.state().worker
    }

    /// Whether the jobs are still certainly this worker's, so that one may begin.
    pub(super) fn is_current(&self) -> bool {
        self.state().renewed_at.elapsed() < self.length
    }

    /// Whether it was renewed without a break for a whole lease. Only such a worker rescues: after
    /// an outage of the database every lease is over, and the others must have had the time to
    /// renew theirs.
    pub(super) fn is_steady(&self) -> bool {
        let state = self.state();
        state.renewed_at.elapsed() < self.length && state.steady_since.elapsed() >= self.length
    }

    /// Notes a renewal that was asked for at `asked_at`.
    pub(super) fn renewed(&self, asked_at: Instant) {
        let mut state = self.state();
        if asked_at.duration_since(state.renewed_at) >= self.length {
            state.steady_since = asked_at;
        }
        state.renewed_at = asked_at;
    }

    /// Notes that a renewal failed.
    pub(super) fn stumbled(&self) {
        self.state().steady_since = Instant::now();
    }

    /// Goes on under another id.
    pub(super) fn replace(&self, worker: Uuid, asked_at: Instant) {
        *self.state() = State {
            worker,
            renewed_at: asked_at,
            steady_since: asked_at,
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

    #[test]
    fn a_worker_that_just_began_or_stumbled_rescues_nobody() {
        let length = Duration::from_mins(1);
        let lease = Lease::new(Uuid::nil(), length);
        assert!(!lease.is_steady());
        lease.state().steady_since = Instant::now().checked_sub(length).unwrap();
        assert!(lease.is_steady());
        lease.stumbled();
        assert!(!lease.is_steady());
    }
}
