//! Whether the database may have leased jobs to this worker that it does not know of.

use std::sync::atomic::{AtomicU32, Ordering};

/// For so many beats after a claim failed, its jobs are looked for: the statement may have reached
/// the database later than its failure was seen.
const BEATS: u32 = 3;

/// Beats for which there is a doubt.
#[derive(Debug, Default)]
pub(super) struct Doubts(AtomicU32);

impl Doubts {
    /// A claim was not answered.
    pub(super) fn raise(&self) {
        self.0.store(BEATS, Ordering::Relaxed);
    }

    /// Whether there is a doubt, for this beat.
    pub(super) fn take(&self) -> bool {
        let less = |beats: u32| beats.checked_sub(1);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubt_lasts_for_three_beats() {
        let doubts = Doubts::default();
        assert!(!doubts.take());
        doubts.raise();
        assert_eq!(
            [1, 2, 3, 4].map(|_| doubts.take()),
            [true, true, true, false]
        );
    }
}
