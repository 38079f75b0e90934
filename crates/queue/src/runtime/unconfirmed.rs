//! Jobs that the database leases to this worker, but that the worker does not hold: the reply to
//! their claim was lost, or the database executed the claim after the worker gave up on it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::retry::STATEMENT_TIMEOUT;

/// The database may execute a claim this long after the worker gave up on it.
const LATELY: Duration = Duration::from_mins(1);

/// What this worker knows about such jobs.
#[derive(Debug, Default)]
pub(super) struct UnconfirmedClaims(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// When each job was first seen, with its lease number.
    since: HashMap<(Uuid, i32), Instant>,
    last_failure: Option<Instant>,
}

impl UnconfirmedClaims {
    /// Notes that a claim failed. The database may have executed it.
    pub(super) fn claim_failed(&self) {
        self.state().last_failure = Some(Instant::now());
    }

    /// Whether a claim failed within the last minute.
    pub(super) fn claim_failed_lately(&self) -> bool {
        let failure = self.state().last_failure;
        failure.is_some_and(|at| at.elapsed() < LATELY)
    }

    /// Notes which jobs are leased but not held, and returns whether to release any. The reply to a
    /// claim may still be on its way, unless a claim just failed or a job was seen for longer than
    /// the timeout of a claim.
    pub(super) fn are_overdue(&self, claims: impl Iterator<Item = (Uuid, i32)>) -> bool {
        let is_over = |since: &Instant| since.elapsed() >= STATEMENT_TIMEOUT;
        let mut state = self.state();
        let claims = claims.map(|claim| {
            let since = state.since.get(&claim).copied();
            (claim, since.unwrap_or_else(Instant::now))
        });
        state.since = claims.collect();
        let failed_lately = state.last_failure.is_some_and(|at| !is_over(&at));
        !state.since.is_empty() && (failed_lately || state.since.values().any(is_over))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
