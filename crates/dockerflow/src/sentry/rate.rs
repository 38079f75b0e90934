//! Limits the rate of events, so that an outage does not flood Sentry.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// A token bucket.
#[derive(Debug)]
pub(super) struct Rate {
    per_second: f64,
    state: Mutex<(f64, Instant)>,
}

impl Rate {
    /// Allows this many per second, and three times as many in a burst.
    pub(super) fn new(per_second: u32) -> Self {
        let per_second = f64::from(per_second);
        Self {
            per_second,
            state: Mutex::new((3.0 * per_second, Instant::now())),
        }
    }

    /// Whether one more is allowed at `now`.
    pub(super) fn allows(&self, now: Instant) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (tokens, counted_at) = *state;
        let more = now.saturating_duration_since(counted_at).as_secs_f64() * self.per_second;
        let tokens = (tokens + more).min(3.0 * self.per_second);
        let is_allowed = tokens >= 1.0;
        *state = (if is_allowed { tokens - 1.0 } else { tokens }, now);
        is_allowed
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn after_a_burst_events_are_allowed_at_the_rate() {
        let rate = Rate::new(10);
        let start = Instant::now();
        assert_eq!((0..100).filter(|_| rate.allows(start)).count(), 30);
        let later = start + Duration::from_secs(1);
        assert_eq!((0..100).filter(|_| rate.allows(later)).count(), 10);
        let much_later = start + Duration::from_hours(1);
        assert_eq!((0..100).filter(|_| rate.allows(much_later)).count(), 30);
    }
}
