//! Counts the service's sessions in PostgreSQL, and finds forgotten transactions.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

/// The sessions of the service: the process id, and whether it is web's and idle in a transaction.
pub(crate) const LOOK: &str = "
SELECT pid, usename ~ '^web_' AND coalesce(state LIKE 'idle in transaction%', false)
FROM pg_stat_activity WHERE usename ~ '^(web|worker)_' AND pid <> ALL ($1)";

/// A row of [`LOOK`].
pub(crate) type Session = (i32, bool);

/// A killed process leaves its sessions for a moment while its successor opens new ones. Only a
/// count that lasts this long is used.
const LASTING: Duration = Duration::from_secs(1);

/// How long a request may idle in its transaction.
pub(crate) const OPEN_LIMIT: Duration = Duration::from_secs(5);

/// The observed sessions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions {
    recent: VecDeque<(Instant, usize)>,
    most: usize,
    in_transaction: HashMap<i32, Instant>,
    longest: Duration,
}

impl Sessions {
    pub(crate) fn note(&mut self, now: Instant, sessions: &[Session]) {
        self.recent.push_back((now, sessions.len()));
        while self
            .recent
            .get(1)
            .is_some_and(|(at, _)| now - *at >= LASTING)
        {
            self.recent.pop_front();
        }
        let is_long = self
            .recent
            .front()
            .is_some_and(|(at, _)| now - *at >= LASTING);
        let least = self.recent.iter().map(|(_, count)| *count).min();
        if is_long {
            self.most = self.most.max(least.unwrap_or_default());
        }

        let idle = sessions.iter().filter(|(_, is_idle)| *is_idle);
        let since = |pid| self.in_transaction.get(pid).copied().unwrap_or(now);
        self.in_transaction = idle.map(|(pid, _)| (*pid, since(pid))).collect();
        let times = self.in_transaction.values().map(|since| now - *since);
        self.longest = self.longest.max(times.max().unwrap_or_default());
    }

    /// The maximum number of sessions that lasted for a second.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// The longest time that a session of web was idle in a transaction.
    pub(crate) fn longest_in_transaction(&self) -> Duration {
        self.longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_that_exist_only_for_a_moment_are_not_counted() {
        let start = Instant::now();
        let mut sessions = Sessions::default();
        for (tenths, count) in (0..).zip([3; 20].into_iter().chain([9; 5]).chain([4; 12])) {
            let now = start + Duration::from_millis(100) * tenths;
            sessions.note(now, &vec![(1, false); count]);
        }
        assert_eq!(sessions.most(), 4);
    }
}
