//! The verdict: compares what was promised with what arrived.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use uuid::Uuid;

use crate::{
    doubles::{self, Double},
    drain::Remains,
    journal::Fault,
    kind::Kind,
    load::{Answer, Order},
    mailbox::Arrival,
    recovery, stranded,
    timings::{self, Rescues},
    watch::Sight,
};

/// Everything that is known of a run.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) orders: Vec<Order>,
    /// In the order of their times.
    pub(crate) arrivals: Vec<Arrival>,
    pub(crate) strange: Vec<String>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) broken: Vec<String>,
    pub(crate) sight: Sight,
    pub(crate) remains: Remains,
    pub(crate) poison: usize,
    /// The maximum number of sessions.
    pub(crate) connections: usize,
    /// The most memory of a web, in bytes.
    pub(crate) web_memory: u64,
}

/// What the evidence says.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) owed: usize,
    /// Mails, each counted once.
    pub(crate) delivered: usize,
    /// Users whose order was committed although their client got an error.
    pub(crate) unheard: usize,
    /// Users whose promised mail did not arrive, and the jobs that should have sent it.
    pub(crate) lost: Vec<(usize, Option<Uuid>)>,
    /// Mails that were not promised.
    pub(crate) unowed: Vec<String>,
    /// Answers that no fault explains.
    pub(crate) wrong: Vec<String>,
    pub(crate) doubles: Vec<Double>,
    pub(crate) rescues: Rescues,
    pub(crate) held: Option<Duration>,
    pub(crate) recoveries: Vec<Option<Duration>>,
    pub(crate) stranded: Vec<(Uuid, Duration)>,
}

impl Verdict {
    /// Judges a run.
    pub(crate) fn of(evidence: &Evidence) -> Self {
        let mut jobs: HashMap<usize, HashSet<Uuid>> = HashMap::new();
        for arrival in &evidence.arrivals {
            jobs.entry(arrival.user).or_default().insert(arrival.job);
        }
        let users = evidence.orders.iter().enumerate();
        let accepted = users.clone().filter_map(|(user, it)| match it.answer {
            Answer::Accepted(job) => Some((user, job)),
            _ => None,
        });
        let unheard = users
            .clone()
            .filter(|(user, it)| it.answer == Answer::Unknown && jobs.contains_key(user));
        let wrong = users.filter_map(|(user, it)| match it.answer {
            Answer::Wrong(status) => Some(format!("user {user} was answered {status}")),
            _ => None,
        });
        let lost = accepted
            .clone()
            .filter(|(user, _)| !jobs.contains_key(user));
        let faults = &evidence.faults;
        Self {
            owed: accepted.clone().count(),
            delivered: jobs.values().map(HashSet::len).sum(),
            unheard: unheard.count(),
            lost: lost.collect(),
            unowed: unowed(evidence, &jobs),
            wrong: wrong.collect(),
            doubles: doubles::find(&evidence.arrivals, faults),
            stranded: stranded::find(&evidence.sight, faults),
            rescues: timings::rescues(&evidence.sight, faults),
            held: timings::held_over_terminations(&evidence.sight, faults),
            recoveries: recovery::after_outages(
                faults,
                &evidence.sight.ups,
                &evidence.orders,
                &evidence.arrivals,
            ),
        }
    }

    /// How many doubles each kind of fault explains.
    pub(crate) fn explained(&self) -> BTreeMap<&'static str, usize> {
        let mut explained = BTreeMap::new();
        for cause in self.doubles.iter().filter_map(|double| double.cause) {
            *explained.entry(cause.name()).or_default() += 1;
        }
        explained
    }

    pub(crate) fn unexplained(&self) -> impl Iterator<Item = &Double> {
        self.doubles.iter().filter(|double| double.cause.is_none())
    }
}

/// Mails to unknown users, mails of a second job, and mails of jobs that web did not name.
fn unowed(evidence: &Evidence, jobs: &HashMap<usize, HashSet<Uuid>>) -> Vec<String> {
    let mut unowed = evidence.strange.clone();
    for (user, jobs) in jobs {
        let answer = evidence.orders.get(*user).map(|it| it.answer);
        let is_owed = match answer {
            Some(Answer::Accepted(Some(job))) => jobs.contains(&job) && jobs.len() == 1,
            Some(Answer::Unknown) => jobs.len() == 1,
            _ => false,
        };
        if !is_owed {
            unowed.push(format!(
                "user {user}, answered {answer:?}, got mails of {jobs:?}"
            ));
        }
    }
    unowed
}

/// How often each kind was caused.
pub(crate) fn counts(faults: &[Fault]) -> Vec<(Kind, usize)> {
    let count = |kind: Kind| faults.iter().filter(|fault| fault.kind == kind).count();
    let counts = Kind::ALL.map(|kind| (kind, count(kind)));
    counts.into_iter().filter(|(_, count)| *count > 0).collect()
}

/// How long users tried to order.
pub(crate) fn length(orders: &[Order]) -> Duration {
    let (first, last) = (orders.first(), orders.last());
    first
        .zip(last)
        .map_or(Duration::ZERO, |(first, last)| last.at - first.at)
}
