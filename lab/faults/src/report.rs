//! The table at the end, and the details of what failed.

use std::{fmt::Display, path::Path, time::Duration};

use uuid::Uuid;

use crate::{
    checker::{Evidence, Verdict, counts, length},
    evidence,
    journal::Journal,
    recovery, service,
    sessions::OPEN_LIMIT,
    timings::percentile,
};

/// A killed worker's jobs can be claimed again within this time.
const RESCUE_LIMIT: Duration = Duration::from_secs(10);

/// With fewer rescues than this, their 99th percentile is the longest, which a busy machine may
/// stretch.
const MANY: usize = 100;

/// How long a job may run on a slow machine, which is a part of the time that it is held.
const JOB_TIME: Duration = Duration::from_secs(2);

/// How many megabytes a web process may use.
const WEB_MEMORY: usize = 256;

/// How many failures of each sort are shown with their log lines.
const SHOWN: usize = 5;

/// Prints the result, and returns whether every promise held.
pub(crate) fn print(
    evidence: &Evidence,
    verdict: &Verdict,
    journal: &Journal,
    logs: &Path,
) -> bool {
    let mut table = Table::default();
    table.section("The run");
    table.tell("users order for", &seconds(length(&evidence.orders)));
    table.tell("users who ordered, or tried to", &evidence.orders.len());
    table.tell("faults", &list(counts(&evidence.faults)));
    table.tell("jobs that cannot be run", &evidence.poison);
    table.section("The mails");
    table.tell("owed (answered 202)", &verdict.owed);
    table.tell(
        "committed, though the client got an error",
        &verdict.unheard,
    );
    table.tell("delivered", &verdict.delivered);
    table.none("lost", verdict.lost.len());
    table.none("not promised", verdict.unowed.len());
    table.tell("delivered again", &verdict.doubles.len());
    table.tell("  explained by", &list(verdict.explained()));
    table.none("  explained by no fault", verdict.unexplained().count());
    table.section("The jobs");
    table.none("stuck", evidence.remains.stuck.len());
    table.none("stranded", verdict.stranded.len());
    table.none("wrongly dead", evidence.remains.dead.len());
    table.none("poison with a wrong end", evidence.remains.poison.len());
    timings(&mut table, verdict);
    table.section("The processes");
    table.none(
        "exits that were unexpected, late or failed",
        evidence.broken.len(),
    );
    table.none("answers that no fault explains", verdict.wrong.len());
    resources(&mut table, evidence);

    println!("{}\n", table.lines.join("\n"));
    if !table.has_failed {
        println!("Every promise held.");
        return true;
    }
    println!(
        "Not every promise held. The logs of all processes: {}",
        logs.display()
    );
    details(evidence, verdict, journal, logs);
    false
}

fn timings(table: &mut Table, verdict: &Verdict) {
    let rescues = &verdict.rescues;
    if !rescues.all.is_empty() {
        table.tell("rescued from killed workers", &rescues.all.len());
        table.tell("  p50, p99, max", &percentiles(&rescues.all));
    }
    if let Some(p99) = percentile(&rescues.plain, 99) {
        let factor = if rescues.plain.len() < MANY { 2 } else { 1 };
        let name = format!("  p99 of {} with the database there", rescues.plain.len());
        table.limit(&name, Some(p99), RESCUE_LIMIT * factor);
    } else if !rescues.all.is_empty() {
        table.tell("  with the database there", &"none, so not judged");
    }
    if let Some(held) = verdict.held {
        let limit = service::TWO_BEATS + JOB_TIME;
        table.limit("longest held over ended sessions", Some(held), limit);
    }
    for recovery in &verdict.recoveries {
        table.limit("full speed after an outage", *recovery, recovery::LIMIT);
    }
}

fn resources(table: &mut Table, evidence: &Evidence) {
    let sessions = &evidence.sight.sessions;
    table.at_most("connections", sessions.most(), evidence.connections, "");
    let web_memory = usize::try_from(evidence.web_memory >> 20).unwrap_or(usize::MAX);
    table.at_most("memory of a web", web_memory, WEB_MEMORY, " MB");
    table.limit(
        "longest transaction that web left open",
        Some(sessions.longest_in_transaction()),
        OPEN_LIMIT,
    );
}

fn details(evidence: &Evidence, verdict: &Verdict, journal: &Journal, logs: &Path) {
    let texts = [&evidence.broken, &verdict.unowed, &verdict.wrong];
    for text in texts.into_iter().flat_map(|it| it.iter().take(SHOWN)) {
        println!("{text}");
    }
    for (user, _) in verdict.lost.iter().take(SHOWN) {
        let at = journal.time(evidence.orders[*user].at);
        println!("user {user}, accepted at {at}, got no mail");
    }
    for double in verdict.unexplained().take(SHOWN) {
        for arrival in [&double.first, &double.second] {
            let at = journal.time(arrival.at);
            println!("job {}: a mail from {} at {at}", double.job, arrival.sender);
        }
    }
    let lost = verdict.lost.iter().filter_map(|(_, job)| *job).take(SHOWN);
    let doubled = verdict.unexplained().map(|double| double.job).take(SHOWN);
    for (job, time) in verdict.stranded.iter().take(SHOWN) {
        println!("job {job} stood still for {}", seconds(*time));
    }
    let remains = &evidence.remains;
    let others = [&remains.stuck, &remains.dead, &remains.poison];
    let others = others
        .into_iter()
        .flat_map(|ids| ids.iter().take(SHOWN).copied());
    let stranded = verdict.stranded.iter().map(|(job, _)| *job).take(SHOWN);
    let mut jobs: Vec<Uuid> = lost.chain(doubled).chain(others).chain(stranded).collect();
    jobs.sort();
    jobs.dedup();
    for job in jobs {
        evidence::print(logs, job);
    }
}

/// Lines with a name, a figure, and whether it is as promised.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) lines: Vec<String>,
    pub(crate) has_failed: bool,
}

impl Table {
    pub(crate) fn section(&mut self, name: &str) {
        self.lines.extend([String::new(), name.to_owned()]);
    }

    pub(crate) fn tell(&mut self, name: &str, figure: &dyn Display) {
        self.lines.push(format!("  {name:42} {figure}"));
    }

    /// A figure that must be 0.
    pub(crate) fn none(&mut self, name: &str, count: usize) {
        self.judged(name, &count.to_string(), "none allowed", count == 0);
    }

    /// A time with a limit; `None` exceeds every limit.
    fn limit(&mut self, name: &str, time: Option<Duration>, limit: Duration) {
        let figure = time.map_or("never".to_owned(), seconds);
        let allowed = format!("{} allowed", seconds(limit));
        self.judged(name, &figure, &allowed, time.is_some_and(|it| it <= limit));
    }

    /// A figure with a maximum.
    pub(crate) fn at_most(&mut self, name: &str, figure: usize, most: usize, unit: &str) {
        let allowed = format!("{most}{unit} allowed");
        self.judged(name, &format!("{figure}{unit}"), &allowed, figure <= most);
    }

    fn judged(&mut self, name: &str, figure: &str, allowed: &str, holds: bool) {
        let word = if holds { "ok" } else { "FAILED" };
        self.tell(name, &format!("{figure:8} {word}, {allowed}"));
        self.has_failed |= !holds;
    }
}

fn percentiles(sorted: &[Duration]) -> String {
    let figures = [50, 99, 100].map(|it| percentile(sorted, it).map(seconds).unwrap_or_default());
    figures.join(", ")
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn list<K: ToString>(counts: impl IntoIterator<Item = (K, usize)>) -> String {
    let counts = counts.into_iter();
    let texts: Vec<String> = counts
        .map(|(name, count)| format!("{} {count}", name.to_string()))
        .collect();
    if texts.is_empty() {
        "-".to_owned()
    } else {
        texts.join(", ")
    }
}
