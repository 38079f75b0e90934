//! How fast the service is at full speed again after PostgreSQL was away.

use std::time::{Duration, Instant};

use crate::{
    journal::Fault,
    kind::Kind,
    load::{Answer, SignUp},
    mailbox::Arrival,
};

/// The promise, from the first statement that succeeds.
pub(crate) const LIMIT: Duration = Duration::from_secs(5);

/// The time over which a rate is taken.
const WINDOW: Duration = Duration::from_secs(2);

const STEP: Duration = Duration::from_millis(100);

/// The longest that is looked for.
const HORIZON: Duration = Duration::from_mins(1);

/// After each outage, how long it took from the first statement that succeeded until 95 % of what
/// was offered was accepted, and as much was delivered. `None` where that did not come before the
/// next fault, although there was time enough.
pub(crate) fn after_outages(
    faults: &[Fault],
    ups: &[Instant],
    sign_ups: &[SignUp],
    arrivals: &[Arrival],
) -> Vec<Option<Duration>> {
    let outages = faults
        .iter()
        .enumerate()
        .filter(|(_, it)| it.kind == Kind::Outage);
    let recoveries = outages.filter_map(|(index, outage)| {
        let up = *ups.iter().find(|up| **up > outage.from)?;
        let last = sign_ups.last()?.at;
        let next = faults
            .get(index + 1)
            .map_or(last, |next| next.from.min(last));
        if next < up + LIMIT + WINDOW {
            return None;
        }
        let starts = (0..)
            .map(|step| STEP * step)
            .take_while(|after| *after < HORIZON && up + *after + WINDOW <= next);
        let mut starts = starts.filter(|after| is_full_speed(up + *after, sign_ups, arrivals));
        Some(starts.next())
    });
    recoveries.collect()
}

fn is_full_speed(from: Instant, sign_ups: &[SignUp], arrivals: &[Arrival]) -> bool {
    let until = from + WINDOW;
    let first = sign_ups.partition_point(|it| it.at < from);
    let offered = sign_ups[first..].iter().take_while(|it| it.at < until);
    let is_accepted = |it: &&SignUp| matches!(it.answer, Answer::Accepted(_));
    let accepted = offered.clone().filter(is_accepted).count();
    let offered = offered.count();
    let first = arrivals.partition_point(|it| it.at < from);
    let delivered = arrivals[first..].iter().take_while(|it| it.at < until);
    let is_enough = |count: usize| count * 100 >= offered * 95;
    offered > 0 && is_enough(accepted) && is_enough(delivered.count())
}
