//! Telling PostgreSQL to wake the workers, but not for every job.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// At most one wake-up per this long, queue and process: one per transaction would cost a third of the
/// rate. What falls between is found by the workers' polling, which is quick while there is work.
const NOTIFY_INTERVAL: Duration = Duration::from_millis(2);

/// Queues are few; names that are made up for each job must not fill the memory.
const QUEUES_KEPT: usize = 1_000;

/// Whether enqueueing into this queue should wake its workers, which also counts as doing so.
pub(super) fn is_due(queue: &str) -> bool {
    static LAST: Mutex<Option<HashMap<String, Instant>>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let last = last.get_or_insert_default();
    let now = Instant::now();
    if let Some(last) = last.get_mut(queue) {
        let is_due = now.duration_since(*last) >= NOTIFY_INTERVAL;
        if is_due {
            *last = now;
        }
        return is_due;
    }
    if last.len() >= QUEUES_KEPT {
        last.clear();
    }
    last.insert(queue.to_owned(), now);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_queue_s_wake_up_is_not_another_s() {
        assert!(is_due("one queue"));
        assert!(is_due("another queue"));
        while !is_due("one queue") {}
    }

    #[test]
    fn a_wake_up_that_was_just_sent_is_enough() {
        let sent = (0..1_000).filter(|_| is_due("busy")).count();
        assert!(sent < 1_000, "{sent}");
    }
}
