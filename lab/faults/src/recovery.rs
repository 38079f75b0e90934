//! Measures how fast the service is at full speed again after PostgreSQL was down.

use std::time::{Duration, Instant};

use crate::{
    journal::Fault,
    kind::Kind,
    load::{Answer, Order},
    mailbox::Arrival,
};

/// The promised time from the first successful statement.
pub(crate) const LIMIT: Duration = Duration::from_secs(5);

/// A mail that came within this time was not delayed.
const PROMPT: Duration = Duration::from_secs(2);

/// The window over which the share of prompt mails is computed.
const WINDOW: Duration = Duration::from_secs(1);

const STEP: Duration = Duration::from_millis(100);

/// For each outage, how long it took from the first successful statement until 95 % of the load was
/// served again: accepted, and the mail sent promptly. `None` if that did not happen before the
/// next fault. An outage that is soon followed by another fault is skipped.
pub(crate) fn after_outages(
    faults: &[Fault],
    ups: &[Instant],
    orders: &[Order],
    arrivals: &[Arrival],
) -> Vec<Option<Duration>> {
    let Some(last) = orders.last() else {
        return Vec::new();
    };
    let carried = carried(orders, arrivals);
    let outages = faults.iter().enumerate();
    let outages = outages.filter(|(_, fault)| fault.kind == Kind::Outage);
    let recoveries = outages.filter_map(|(index, outage)| {
        let up = *ups.iter().find(|up| **up > outage.from)?;
        let next = faults.get(index + 1).map_or(last.at, |next| next.from);
        let end = next.min(last.at).checked_sub(WINDOW + PROMPT)?;
        if end < up + LIMIT {
            return None;
        }
        let starts = (0..).map(|step| up + STEP * step);
        let mut starts = starts.take_while(|start| *start <= end);
        let start = starts.find(|start| is_full_speed(*start, orders, &carried));
        Some(start.map(|start| start - up))
    });
    recoveries.collect()
}

/// For each order, whether the mail came promptly.
fn carried(orders: &[Order], arrivals: &[Arrival]) -> Vec<bool> {
    let mut carried = vec![false; orders.len()];
    for arrival in arrivals {
        if let Some(order) = orders.get(arrival.user)
            && matches!(order.answer, Answer::Accepted(_))
            && arrival.at < order.at + PROMPT
        {
            carried[arrival.user] = true;
        }
    }
    carried
}

fn is_full_speed(from: Instant, orders: &[Order], carried: &[bool]) -> bool {
    let first = orders.partition_point(|it| it.at < from);
    let end = orders.partition_point(|it| it.at < from + WINDOW);
    let count = carried[first..end].iter().filter(|it| **it).count();
    first < end && count * 100 >= (end - first) * 95
}
