//! Mails that came more than once, and why.

use std::{collections::HashMap, time::Duration};

use uuid::Uuid;

use crate::{journal::Fault, kind::Kind, mailbox::Arrival};

/// How long a mail may be in transit: its sender may be gone when it arrives.
const ON_ITS_WAY: Duration = Duration::from_secs(2);

/// A mail that arrived twice.
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

/// The fault between the two mails that kept the first attempt's outcome from being stored.
///
/// Only a process that died, or was stopped for longer than its lease, explains it. A database that
/// is down does not: a worker keeps an outcome until the database has taken it. Nor does SIGTERM,
/// unless the database is down at the end of the grace period.
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

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// The cause of a second mail after 10 s, from another worker. Each fault has its start in
    /// seconds and its victims.
    fn cause_among(faults: &[(Kind, u64, &[&str])]) -> Option<Kind> {
        let start = Instant::now();
        let arrival = |seconds, sender: &str| Arrival {
            at: start + Duration::from_secs(seconds),
            user: 0,
            job: Uuid::nil(),
            sender: sender.into(),
        };
        let fault = |&(kind, seconds, victims): &(Kind, u64, &[&str])| Fault {
            kind,
            from: start + Duration::from_secs(seconds),
            until: start + Duration::from_secs(seconds + 1),
            victims: victims.iter().map(ToString::to_string).collect(),
        };
        let faults: Vec<Fault> = faults.iter().map(fault).collect();
        let arrivals = [arrival(10, "worker-1.1"), arrival(20, "worker-2.1")];
        find(&arrivals, &faults)[0].cause
    }

    #[test]
    fn a_kill_of_the_sender_between_the_two_mails_explains_a_double() {
        assert_eq!(
            cause_among(&[(Kind::Kill, 9, &["worker-1.1"])]),
            Some(Kind::Kill)
        );
        assert_eq!(cause_among(&[(Kind::Kill, 3, &["worker-1.1"])]), None);
        assert_eq!(cause_among(&[(Kind::Kill, 21, &["worker-1.1"])]), None);
        assert_eq!(cause_among(&[(Kind::Kill, 11, &["worker-3.1"])]), None);
    }

    #[test]
    fn an_outage_explains_no_double_and_sigterm_only_during_an_outage() {
        let outage: (Kind, u64, &[&str]) = (Kind::Outage, 12, &[]);
        let term: (Kind, u64, &[&str]) = (Kind::Term, 12, &["worker-1.1"]);
        assert_eq!(cause_among(&[outage]), None);
        assert_eq!(cause_among(&[term]), None);
        assert_eq!(cause_among(&[outage, term]), Some(Kind::Term));
    }
}
