//! Events that come in crowds, of which the log tells once a second.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How often a line is logged at most.
const EVERY: Duration = Duration::from_secs(1);

/// Counts events between two log lines.
#[derive(Debug)]
pub(crate) struct Rarely(Mutex<Counted>);

#[derive(Debug)]
struct Counted {
    events: u64,
    said: Option<Instant>,
}

impl Rarely {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Counted {
            events: 0,
            said: None,
        }))
    }

    /// Counts an event. Returns how many there were since the last line, including this one, if it
    /// is time for another.
    pub(crate) fn count(&self) -> Option<u64> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counted.events += 1;
        if counted.said.is_some_and(|said| said.elapsed() < EVERY) {
            return None;
        }
        let events = counted.events;
        *counted = Counted {
            events: 0,
            said: Some(Instant::now()),
        };
        Some(events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_event_is_told_at_once_and_a_crowd_once_a_second() {
        let events = Rarely::new();
        assert_eq!(events.count(), Some(1));
        let begun = Instant::now();
        let mut crowd = 0;
        let told = loop {
            crowd += 1;
            if let Some(told) = events.count() {
                break told;
            }
        };
        assert_eq!(told, crowd);
        assert!(begun.elapsed() >= EVERY / 2);
    }
}
