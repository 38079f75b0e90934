//! The service's sessions in PostgreSQL: how many there are, and whether one forgot its transaction.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

/// The sessions of the service: the process's id, and whether it is web's and idles in a transaction.
pub(crate) const LOOK: &str = "
SELECT pid, usename ~ '^web_' AND coalesce(state LIKE 'idle in transaction%', false)
FROM pg_stat_activity WHERE usename ~ '^(web|worker)_' AND pid <> ALL ($1)";

/// A row of [`LOOK`].
pub(crate) type Session = (i32, bool);

/// A process that is killed leaves its sessions for a moment, while another opens its own: what is
/// counted was there for so long.
const LASTING: Duration = Duration::from_secs(1);

/// How long a request may do nothing within its transaction.
pub(crate) const OPEN_LIMIT: Duration = Duration::from_secs(5);

/// What was seen of the sessions.
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

    /// How many there were at the most, for a second.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// For how long one of web's idled in a transaction at the most.
    pub(crate) fn longest_in_transaction(&self) -> Duration {
        self.longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_for_a_moment_is_not_counted() {
        let start = Instant::now();
        let mut sessions = Sessions::default();
        for (tenths, count) in (0..).zip([3; 20].into_iter().chain([9; 5]).chain([4; 12])) {
            let now = start + Duration::from_millis(100) * tenths;
            sessions.note(now, &vec![(1, false); count]);
        }
        assert_eq!(sessions.most(), 4);
    }
}
