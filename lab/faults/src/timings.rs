//! How long jobs were out of reach, from what the watch saw.

use std::time::{Duration, Instant};

use crate::{
    journal::Fault,
    kind::Kind,
    service::LEASE,
    watch::{Hold, LONG, Sight},
};

/// How long the jobs of killed workers were out of reach.
#[derive(Debug, Default)]
pub(crate) struct Rescues {
    /// Of all of them, the shortest first.
    pub(crate) all: Vec<Duration>,
    /// Of those for whom the database was there all the time.
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
        if !is_cut_off(hold, death, faults) {
            rescues.plain.push(time);
        }
    }
    rescues.all.sort();
    rescues.plain.sort();
    rescues
}

/// Whether heartbeats could not follow each other: for one lease after that nobody knows who is alive.
/// Who else was killed or stopped is no matter, as long as one worker is there.
fn is_cut_off(hold: &Hold, death: Instant, faults: &[Fault]) -> bool {
    let mut faults = faults.iter().filter(|fault| fault.kind.hits_database());
    faults.any(|fault| fault.is_felt(LEASE, death, hold.gone))
}

/// How long a job was held at the most by a living worker some of whose sessions were terminated
/// while nothing else was broken. A claim whose answer was lost is among them. `None` where no
/// session was terminated; what was held for less than [`LONG`] counts as that.
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

/// The time that so many per cent do not exceed.
pub(crate) fn percentile(sorted: &[Duration], per_cent: usize) -> Option<Duration> {
    let rank = (sorted.len() * per_cent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}
