//! Computes from the observations how long jobs were out of reach.

use std::time::{Duration, Instant};

use crate::{
    journal::Fault,
    kind::Kind,
    service::LEASE,
    watch::{Hold, LONG, Sight},
};

/// How long the jobs of killed workers could not be claimed.
#[derive(Debug, Default)]
pub(crate) struct Rescues {
    /// All of them, shortest first.
    pub(crate) all: Vec<Duration>,
    /// Those during which the database was always up.
    pub(crate) plain: Vec<Duration>,
}

/// The times from each kill until each of the worker's jobs was taken from it.
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
        if !is_cut_off(hold, death, faults) {
            rescues.plain.push(time);
        }
    }
    rescues.all.sort();
    rescues.plain.sort();
    rescues
}

/// Whether the database was down: for one lease after that it is unknown which workers are alive.
/// Other killed or stopped workers do not matter, as long as one worker is up.
fn is_cut_off(hold: &Hold, death: Instant, faults: &[Fault]) -> bool {
    let mut faults = faults.iter().filter(|fault| fault.kind.hits_database());
    faults.any(|fault| fault.is_felt(LEASE, death, hold.gone))
}

/// The longest time that a job was held by a living worker while only its sessions were terminated,
/// as with a claim whose reply was lost. `None` if no session was terminated. Times below [`LONG`]
/// count as that.
pub(crate) fn held_over_terminations(sight: &Sight, faults: &[Fault]) -> Option<Duration> {
    faults.iter().find(|fault| fault.kind == Kind::Terminate)?;
    let is_of_a_living = |hold: &&Hold| !sight.deaths.contains_key(&hold.worker);
    let holds = sight.holds.iter().filter(is_of_a_living);
    let holds = holds.filter(|hold| {
        let during = faults
            .iter()
            .filter(|it| it.is_felt(Duration::ZERO, hold.first_seen, hold.gone));
        let mut kinds = during.map(|fault| fault.kind).peekable();
        kinds.peek().is_some()
            && kinds.all(|it| matches!(it, Kind::Terminate | Kind::Web | Kind::Poison))
    });
    let times = holds.map(|hold| hold.last_seen - hold.first_seen);
    Some(times.max().unwrap_or(LONG))
}

/// The time that this percentage does not exceed.
pub(crate) fn percentile(sorted: &[Duration], per_cent: usize) -> Option<Duration> {
    let rank = (sorted.len() * per_cent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}
