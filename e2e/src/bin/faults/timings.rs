//! How long jobs were out of reach, from what the watch saw.

use std::time::{Duration, Instant};

use crate::{
    journal::Fault,
    kind::Kind,
    service::LEASE,
    watch::{Hold, Sight},
};

/// How long the jobs of killed workers were out of reach.
#[derive(Debug, Default)]
pub(crate) struct Rescues {
    /// Of all of them, the shortest first.
    pub(crate) all: Vec<Duration>,
    /// Of those whose rescuer was not hit itself.
    pub(crate) plain: Vec<Duration>,
}

/// From each kill to the moment at which each of the worker's jobs was no longer its own.
pub(crate) fn rescues(sight: &Sight, faults: &[Fault]) -> Rescues {
    let mut rescues = Rescues::default();
    for hold in &sight.holds {
        let Some(&death) = sight.deaths.get(&hold.worker) else {
            continue;
        };
        if hold.last_seen < death {
            continue;
        }
        let time = hold.gone - death;
        rescues.all.push(time);
        if !is_hampered(hold, death, faults) {
            rescues.plain.push(time);
        }
    }
    rescues.all.sort();
    rescues.plain.sort();
    rescues
}

/// Whether another fault hit those who would come to the rescue: for one lease after that they do
/// not know who is alive.
fn is_hampered(hold: &Hold, death: Instant, faults: &[Fault]) -> bool {
    let mut faults = faults.iter().filter(|fault| {
        let is_own = fault.kind == Kind::Kill && fault.victims.contains(&hold.worker);
        !is_own && !matches!(fault.kind, Kind::Web | Kind::Poison)
    });
    faults.any(|fault| fault.overlaps(death - LEASE, hold.gone))
}

/// How long the jobs were held that a living worker held when some of its sessions were terminated
/// and nothing else was broken: a claim whose answer was lost is among them.
pub(crate) fn held_over_terminations(sight: &Sight, faults: &[Fault]) -> Option<Duration> {
    let of_a_living = sight.holds.iter().filter(|hold| {
        let mut overlapping = faults
            .iter()
            .filter(|it| it.overlaps(hold.first_seen, hold.gone));
        let mut any = false;
        let only = overlapping.all(|it| {
            any |= it.kind == Kind::Terminate;
            matches!(it.kind, Kind::Terminate | Kind::Web | Kind::Poison)
        });
        any && only && !sight.deaths.contains_key(&hold.worker)
    });
    of_a_living
        .map(|hold| hold.last_seen - hold.first_seen)
        .max()
}

/// The time that so many per cent do not exceed.
pub(crate) fn percentile(sorted: &[Duration], per_cent: usize) -> Option<Duration> {
    let rank = (sorted.len() * per_cent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}
