//! Decides when PostgreSQL wakes the workers, which is not for every job.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// A process wakes a queue at most once in this time: once per transaction would cost a third of
/// the rate. Workers find the jobs in between by polling, which is quick while there is work.
const NOTIFY_INTERVAL: Duration = Duration::from_millis(2);

/// Queues are few, but names that are generated for each job must not fill the memory.
const QUEUES_KEPT: usize = 1_000;

/// Whether to wake the workers of this queue now. If so, it counts as done.
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
    fn a_wake_up_of_one_queue_does_not_count_for_another() {
        assert!(is_due("one queue"));
        assert!(is_due("another queue"));
        while !is_due("one queue") {}
    }

    #[test]
    fn a_busy_queue_is_not_woken_for_every_job() {
        let sent = (0..1_000).filter(|_| is_due("busy")).count();
        assert!(sent < 1_000, "{sent}");
    }
}
