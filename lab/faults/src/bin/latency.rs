//! `cargo run --release -p faults --bin latency`: how long a job waits from the commit that
//! enqueues it until its task starts, on a private PostgreSQL, and how many statements an idle
//! worker sends.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    process::ExitCode,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use bare_queue::{JobContext, Registry, Task, Worker, testing::RunningWorker};
use bare_testkit::{TestDatabase, postgres::Server};
use conf::Conf;
use fixture::{SCHEMA, worker::Settings};
use serde::{Deserialize, Serialize};
use tokio::{task::JoinSet, time::MissedTickBehavior};

/// How a worker learns of a job, and how long that may take.
struct Mode {
    name: &'static str,
    variables: &'static [(&'static str, &'static str)],
    p50: Duration,
    p99: Duration,
}

const MODES: [Mode; 2] = [
    Mode {
        name: "with NOTIFY",
        variables: &[],
        p50: Duration::from_millis(3),
        p99: Duration::from_millis(15),
    },
    Mode {
        name: "polling only",
        variables: &[("DATABASE_LISTEN_URL", "off")],
        p50: Duration::from_millis(150),
        p99: Duration::from_millis(150),
    },
];

/// How many statements an idle worker may send in a second.
const STATEMENTS: f64 = 2.0;

/// Measures what a job waits for, and what an idle worker asks
#[derive(Conf, Debug)]
#[conf(name = "latency")]
struct Options {
    /// How many jobs are enqueued in a second, each in a transaction of its own
    #[conf(long, default_value = "500")]
    rate: u32,

    /// For how many seconds each measurement goes on
    #[conf(long, default_value = "20")]
    seconds: u64,
}

/// A job that notes when it began.
#[derive(Debug, Serialize, Deserialize)]
struct Ping(usize);

impl Task for Ping {
    const KIND: &'static str = "ping";
}

fn main() -> ExitCode {
    let options: Options = dockerflow::settings::load();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    match runtime.block_on(measure(&options)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(options: &Options) -> anyhow::Result<bool> {
    let server = Server::start().context("PostgreSQL's server programs were not found")?;
    let database = TestDatabase::with_schema_on(&server, "latency", SCHEMA).await;
    println!("{} jobs a second; PostgreSQL without fsync", options.rate);
    let mut holds = true;
    for mode in MODES {
        let mut waits = waits(&database, options, mode.variables).await?;
        waits.sort();
        let at = |per_cent: usize| waits[(waits.len() * per_cent).div_ceil(100) - 1];
        let [p50, p99, max] = [50, 99, 100].map(at);
        println!(
            "{:15} p50 {p50:.1?} ({:?} allowed)  p99 {p99:.1?} ({:?} allowed)  max {max:.1?}  of {}",
            mode.name,
            mode.p50,
            mode.p99,
            waits.len()
        );
        holds &= p50 <= mode.p50 && p99 <= mode.p99;
    }
    database
        .execute("ALTER SYSTEM SET log_statement = 'all'")
        .await;
    database.execute("SELECT pg_reload_conf()").await;
    for mode in MODES {
        let rate = statements_when_idle(&server, &database, options, mode.variables).await?;
        let name = mode.name;
        println!("{name:15} {rate:.2} statements a second when idle ({STATEMENTS} allowed)");
        holds &= rate <= STATEMENTS;
    }
    println!(
        "{}",
        if holds {
            "All within the limits."
        } else {
            "Not all within the limits."
        }
    );
    Ok(holds)
}

/// The times from each commit to the start of its job.
async fn waits(
    database: &TestDatabase,
    options: &Options,
    variables: &[(&str, &str)],
) -> anyhow::Result<Vec<Duration>> {
    let count = usize::try_from(u64::from(options.rate) * options.seconds)?;
    let begun = Arc::new(Mutex::new(vec![None; count]));
    let notes = Arc::clone(&begun);
    let note = move |ping: Ping, _: &JobContext| {
        notes.lock().unwrap()[ping.0] = Some(Instant::now());
        async { Ok(()) }
    };
    let worker = start_worker(database, Registry::new().task(note), variables).await?;
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / options.rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut commits = JoinSet::new();
    for number in 0..count {
        ticks.tick().await;
        let db = database.db.clone();
        commits.spawn(async move {
            let txn = bare_database::begin(&db).await?;
            Ping(number).enqueue(&txn).await?;
            let at = Instant::now();
            txn.commit().await?;
            anyhow::Ok((number, at))
        });
    }
    let mut commits: Vec<(usize, Instant)> = commits
        .join_all()
        .await
        .into_iter()
        .collect::<anyhow::Result<_>>()?;
    commits.sort_unstable();
    let is_left = || begun.lock().unwrap().iter().any(Option::is_none);
    while is_left() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    worker.stop().await;
    let begun = begun.lock().unwrap();
    let waits = commits.iter().zip(begun.iter().flatten());
    Ok(waits.map(|((_, commit), begun)| *begun - *commit).collect())
}

/// The statements in PostgreSQL's log, without pings, BEGIN and COMMIT.
async fn statements_when_idle(
    server: &Server,
    database: &TestDatabase,
    options: &Options,
    variables: &[(&str, &str)],
) -> anyhow::Result<f64> {
    let worker = start_worker(database, Registry::new(), variables).await?;
    // An idle worker polls less and less often.
    tokio::time::sleep(Duration::from_secs(12)).await;
    let before = server.log().len();
    tokio::time::sleep(Duration::from_secs(options.seconds)).await;
    let log = server.log().split_off(before);
    worker.stop().await;
    let statements = log.lines().filter(|line| is_statement(line));
    #[expect(clippy::cast_precision_loss, reason = "they are few")]
    let rate = statements.count() as f64 / options.seconds as f64;
    Ok(rate)
}

/// A worker with these tasks and settings, without schedules.
async fn start_worker(
    database: &TestDatabase,
    tasks: Registry,
    variables: &[(&str, &str)],
) -> anyhow::Result<RunningWorker> {
    let mut all = vec![("DATABASE_URL", database.url())];
    all.extend(variables);
    let settings: Settings = bare_testkit::settings("worker", &all);
    let worker = Worker::builder(database.db.clone(), fixture::version())
        .tasks(tasks, ())
        .checks(SCHEMA.checks(&database.db))
        .without_pruning()
        .start(&settings.queue, &settings.process, &settings.database)
        .await?;
    Ok(RunningWorker::spawn(worker))
}

/// Whether a line of PostgreSQL's log is the first of a statement that counts.
fn is_statement(line: &str) -> bool {
    const OTHERS: [&str; 4] = [
        "BEGIN",
        "COMMIT",
        "/* SQLx ping */",
        "SELECT pg_is_in_recovery()",
    ];
    let text = line.split_once("LOG:  ").map(|(_, text)| text);
    let Some((kind, statement)) = text.and_then(|text| text.split_once(':')) else {
        return false;
    };
    let is_other = OTHERS.iter().any(|it| statement.trim().starts_with(it));
    (kind == "statement" || kind.starts_with("execute ")) && !is_other
}
