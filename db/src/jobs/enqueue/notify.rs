//! Telling PostgreSQL to wake the workers, but not for every job.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// At most one wake-up per this long and process: one per transaction would cost a third of the
/// rate. What falls between is found by the workers' polling, which is quick while there is work.
const NOTIFY_INTERVAL: Duration = Duration::from_millis(2);

/// Whether this enqueueing should wake the workers, which also counts as doing so.
pub(super) fn is_due() -> bool {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let is_due = last.is_none_or(|last| last.elapsed() >= NOTIFY_INTERVAL);
    if is_due {
        *last = Some(Instant::now());
    }
    is_due
}
