//! `cargo faults --schedule`: two workers with one schedule, one of which is stopped for a while.

use std::{fs, path::Path, time::Duration};

use anyhow::Context as _;
use bare_queue::Task as _;
use bare_testkit::{postgres::Server, process::Signal};
use chrono::{DateTime, TimeDelta, Utc};
use fixture::unruly::Tick;
use sqlx::{Connection as _, PgConnection, types::Json};

use crate::{
    journal::Journal,
    process::Place,
    service::{self, GRACE},
};

/// How long both run, before one is stopped and afterwards.
const BOTH: Duration = Duration::from_secs(25);

/// How long one is stopped.
const STOPPED: Duration = Duration::from_secs(10);

/// Runs, prints the result, and returns whether there was exactly one job for every second.
pub(crate) async fn run() -> anyhow::Result<bool> {
    let folder = tempfile::Builder::new().prefix("faults-").tempdir();
    let logs = folder.context("no temporary folder")?.keep();
    let server = Server::start().context("PostgreSQL's server programs were not found")?;
    let url = server.create_database("schedule");
    let db = bare_testkit::connect(&url).await;
    fixture::SCHEMA.up(&db, None).await?;
    db.close().await?;

    let ticks = watch_ticks(&url, &logs).await?;
    let (first, last) = ticks.first().zip(ticks.last()).context("no tick at all")?;
    let seconds = (*last - *first).num_seconds();
    let is_next = |pair: &[DateTime<Utc>]| pair[1] - pair[0] == TimeDelta::seconds(1);
    let holds = ticks.windows(2).all(is_next) && seconds >= 55;
    println!("{} jobs for {} seconds", ticks.len(), seconds + 1);
    if holds {
        println!("Every tick came once.");
        fs::remove_dir_all(&logs).context("the logs cannot be removed")?;
    } else {
        println!("Not every tick came once: {ticks:?}");
        println!("The logs of both workers: {}", logs.display());
    }
    Ok(holds)
}

/// The ticks that were enqueued, in order.
async fn watch_ticks(url: &str, logs: &Path) -> anyhow::Result<Vec<DateTime<Utc>>> {
    let journal = Journal::start();
    let variables = vec![
        ("DATABASE_URL", url.to_owned()),
        ("SHUTDOWN_GRACE_SECONDS", GRACE.as_secs().to_string()),
    ];
    let place = |name: &str| {
        Place::new(
            name.into(),
            "fixture-unruly",
            variables.clone(),
            logs.into(),
        )
    };
    let workers = [place("worker-1"), place("worker-2")];
    for worker in &workers {
        worker.start()?;
    }
    tokio::time::sleep(BOTH).await;
    workers[0].signal(Signal::STOP);
    journal.say("worker-1 is stopped");
    tokio::time::sleep(STOPPED).await;
    workers[0].signal(Signal::CONT);
    journal.say("worker-1 goes on");
    tokio::time::sleep(BOTH).await;
    for worker in &workers {
        service::terminate(worker).await?;
    }
    let sql = "
        SELECT payload FROM (SELECT kind, payload FROM job
                             UNION ALL SELECT kind, payload FROM finished_job) AS jobs
        WHERE kind = $1";
    let mut connection = PgConnection::connect(url).await?;
    let ticks: Vec<Json<Tick>> = sqlx::query_scalar(sql)
        .bind(Tick::KIND)
        .fetch_all(&mut connection)
        .await?;
    let mut ticks: Vec<DateTime<Utc>> = ticks.into_iter().map(|Json(tick)| tick.0).collect();
    ticks.sort();
    Ok(ticks)
}
