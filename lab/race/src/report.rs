//! What is printed, and what README.md says.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    bench::Bench,
    cases::number,
    figures::{Judged, Result},
    machine, plot,
};

const HEAD: &str = "# Benchmarks

`cargo race --write` writes this page: our queue and our api against their peers, on one machine in one run.
It starts a PostgreSQL of its own with default durability, builds in release, warms each side up, and
lets the sides of a case take turns, so that a machine whose speed drifts is fair to all. Every run has
a process and a database of its own; only the full tables are filled once for all of theirs. The median of all
rounds counts, with the least and the most beside it. What takes minutes runs once, and what takes two seconds
three times as often as the rest. What can be compared with another machine is the **ratio**.
`cargo race --list` names the cases, and `cargo race CASE` runs one of them. It takes wrk and PostgreSQL's
server programs.

`graphile_worker` is set as its own benchmark sets it, with 500 at once, a queue of 5,000 in its memory and
completions gathered for 5 ms, and its connections are not tried before each use, as ours are not. Where single
jobs are waited for it has 10 slots and no queue in memory: with one it was seen to stop for minutes.
`apalis-postgres` has two workers that fetch 1,000, or, as it comes, one, and a twentieth of the jobs.
*SQL alone* is two clients on our tables that claim 1,000 jobs and then move them to `finished_job`, with
no worker around it. *A bare INSERT* inserts the same row between `BEGIN` and `COMMIT`, on connections of
a pool as well. Jobs do nothing and have a payload of a number.

Web is the release binary of the fixture, a small service made of our crates, with the settings that it begins with:
summaries of all requests in the log, no metrics, no Sentry. It brings an allocator (mimalloc), and the bare servers have the system's. *Flask* is what came before this
template: Mozilla's Dockerflow extension, SQLAlchemy, two JSON lines a greeting (ours has one), under gunicorn as
its Procfile runs it, which is one worker. *Flask at its best* has a worker per core, with four threads each.
";

/// A case as lines for a terminal.
pub fn text(result: &Result) -> String {
    let mut text = format!("\n{}: {}\n", result.name, result.what);
    for figure in &result.figures {
        let median = result.unit.format(figure.median);
        let (least, most) = (number(figure.least), number(figure.most));
        let _ = writeln!(
            text,
            "  {:32} {median:>20}  ({least} to {most})",
            figure.name
        );
    }
    for judged in &result.judged {
        let (floor, verdict) = (judged.floor, verdict(judged));
        let value = value(result, judged);
        let _ = writeln!(text, "  {floor}: {value} ({}) {verdict}", floor.bound);
    }
    text
}

fn value(result: &Result, judged: &Judged) -> String {
    match judged.floor.peer {
        Some(_) => format!("{:.2}", judged.value),
        None => result.unit.format(judged.value),
    }
}

fn verdict(judged: &Judged) -> &'static str {
    if judged.holds() { "holds" } else { "MISSED" }
}

/// Writes the page and its pictures.
pub fn write(results: &[Result], bench: &Bench) -> anyhow::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::create_dir_all(folder.join("plots"))?;
    let mut page = HEAD.to_owned();
    write!(
        page,
        "\nMeasured on {}, {}, {}.\n",
        machine::description(),
        bench.version()?,
        machine::compiler()
    )?;
    for result in results {
        let picture = PathBuf::from("plots").join(format!("{}.svg", result.name));
        plot::draw(result, &folder.join(&picture))?;
        page.push_str(&section(result, &picture)?);
    }
    fs::write(folder.join("README.md"), page)?;
    Ok(())
}

fn section(result: &Result, picture: &Path) -> anyhow::Result<String> {
    let unit = result.unit.name();
    let mut text = format!("\n## {}\n\n{}.\n\n", result.name, result.what);
    writeln!(text, "![{}]({})\n", result.name, picture.display())?;
    writeln!(
        text,
        "| | median, {unit} | least to most of {} |\n|---|---|---|",
        result.rounds
    )?;
    for figure in &result.figures {
        let [median, least, most] = [figure.median, figure.least, figure.most].map(number);
        writeln!(text, "| {} | {median} | {least} to {most} |", figure.name)?;
    }
    if !result.judged.is_empty() {
        writeln!(text, "\n| | | floor |\n|---|---|---|")?;
    }
    for judged in &result.judged {
        let (floor, verdict) = (judged.floor, verdict(judged));
        let value = value(result, judged);
        writeln!(
            text,
            "| {floor} | **{value}** | {}: {verdict} |",
            floor.bound
        )?;
    }
    Ok(text)
}
