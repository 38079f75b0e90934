//! Mails that came more than once, and why.

use std::{collections::HashMap, time::Duration};

use uuid::Uuid;

use crate::{journal::Fault, kind::Kind, mailbox::Arrival};

/// A mail is on its way to the server for so long that its sender may be gone when it arrives.
const ON_ITS_WAY: Duration = Duration::from_secs(2);

/// A mail that came again.
#[derive(Debug)]
pub(crate) struct Double {
    pub(crate) job: Uuid,
    pub(crate) first: Arrival,
    pub(crate) second: Arrival,
    /// The kind of fault that explains it.
    pub(crate) cause: Option<Kind>,
}

/// All mails whose job sent one before.
pub(crate) fn find(arrivals: &[Arrival], faults: &[Fault]) -> Vec<Double> {
    let mut last: HashMap<Uuid, &Arrival> = HashMap::new();
    let mut doubles = Vec::new();
    for second in arrivals {
        if let Some(first) = last.insert(second.job, second) {
            doubles.push(Double {
                job: second.job,
                first: first.clone(),
                second: second.clone(),
                cause: cause(first, second, faults),
            });
        }
    }
    doubles
}

/// The fault between the two that kept the first attempt's outcome from being known.
///
/// Only the end of a process does, or its absence for longer than its lease. A database that is
/// away does not: a worker keeps an outcome until the database has taken it. Nor does SIGTERM,
/// unless the database is away when the time is up.
fn cause(first: &Arrival, second: &Arrival, faults: &[Fault]) -> Option<Kind> {
    let between = |fault: &&Fault| fault.is_felt(ON_ITS_WAY, first.at, second.at);
    let between: Vec<&Fault> = faults.iter().filter(between).collect();
    let hits = |fault: &Fault| {
        let hits = |arrival: &Arrival| fault.victims.iter().any(|it| **it == *arrival.sender);
        hits(first) || hits(second)
    };
    let is_database_hit = between.iter().any(|fault| fault.kind.hits_database());
    let cause = between.iter().find(|fault| match fault.kind {
        Kind::Kill | Kind::Stop => hits(fault),
        Kind::Term => hits(fault) && is_database_hit,
        _ => false,
    });
    cause.map(|fault| fault.kind)
}
