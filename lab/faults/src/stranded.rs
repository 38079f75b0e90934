//! Finds jobs that stood still without a reason: with a living worker that does not know of them,
//! with a dead one from which no worker takes them, or waiting although workers are up.

use std::time::Duration;

use uuid::Uuid;

use crate::{
    journal::Fault,
    kind::Kind,
    service::{LEASE, TWO_BEATS},
    watch::{Hold, Sight},
};

/// How long a job may stand still. A job takes a fraction of a second, and a single worker can
/// carry the load.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// After a fault a new lease begins, and lost claims are back after two heartbeats.
const AFTERMATH: Duration = Duration::from_secs(LEASE.as_secs() + TWO_BEATS.as_secs());

/// The jobs that were in one state for longer than [`LIMIT`] without a fault, and for how long.
pub(crate) fn find(sight: &Sight, faults: &[Fault]) -> Vec<(Uuid, Duration)> {
    let times = sight
        .long()
        .map(|hold| (hold.job, undisturbed(hold, faults)));
    let mut stranded: Vec<_> = times.filter(|(_, time)| *time > LIMIT).collect();
    stranded.sort();
    stranded.dedup_by_key(|(job, _)| *job);
    stranded
}

/// The time that no fault explains.
fn undisturbed(hold: &Hold, faults: &[Fault]) -> Duration {
    let mut time = Duration::ZERO;
    let mut since = hold.first_seen;
    for fault in faults.iter().filter(|fault| disturbs(fault, hold)) {
        time += fault
            .from
            .min(hold.last_seen)
            .saturating_duration_since(since);
        since = since.max(fault.until + AFTERMATH);
    }
    time + hold.last_seen.saturating_duration_since(since)
}

fn disturbs(fault: &Fault, hold: &Hold) -> bool {
    let hits_worker = matches!(fault.kind, Kind::Stop | Kind::Term | Kind::Kill);
    // A waiting job may wait for any worker.
    let hits = hold.worker.is_empty() || fault.victims.contains(&hold.worker);
    fault.kind.hits_database() || hits_worker && hits
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn at(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn time_during_and_after_a_fault_of_the_database_does_not_count() {
        let start = Instant::now();
        let hold = Hold {
            job: Uuid::nil(),
            worker: "worker-1.1".to_owned(),
            first_seen: start,
            last_seen: at(start, 60),
            gone: at(start, 60),
        };
        let fault = |kind, from, until| Fault {
            kind,
            from: at(start, from),
            until: at(start, until),
            victims: Vec::new(),
        };
        let undisturbed = |faults: &[Fault]| undisturbed(&hold, faults).as_secs();
        assert_eq!(undisturbed(&[]), 60);
        assert_eq!(undisturbed(&[fault(Kind::Stop, 10, 20)]), 60);
        assert_eq!(undisturbed(&[fault(Kind::Lock, 10, 20)]), 10 + 28);
        let both = [fault(Kind::Lock, 10, 20), fault(Kind::Outage, 25, 50)];
        assert_eq!(undisturbed(&both), 10);
    }
}
