//! The service: two web processes, some workers, and their servers.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::{bail, ensure};
use bare_testkit::{
    postgres::Server,
    process::{Signal, free_port},
    smtp::SmtpServer,
};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use url::Url;

use crate::{journal::Journal, process::Place};

/// The worker's own default.
pub(crate) const LEASE: Duration = Duration::from_secs(8);

/// Two heartbeats.
pub(crate) const TWO_BEATS: Duration = Duration::from_secs(4);

/// How long a process may run after SIGTERM.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// How long the mail server takes for a mail, so that some jobs are always running.
const MAIL_TIME: Duration = Duration::from_millis(200);

/// How many jobs a worker runs at once, so that a single worker can carry the load.
const CONCURRENCY: &str = "default:20";

/// How long the service may take to start, on a slow machine.
const STARTUP_PATIENCE: Duration = Duration::from_mins(2);

/// How often to check whether a process has ended.
const WATCH_INTERVAL: Duration = Duration::from_millis(50);

/// Everything that runs.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) webs: Vec<Place>,
    pub(crate) workers: Vec<Place>,
    /// The address of each web process.
    pub(crate) addresses: Vec<String>,
    pub(crate) smtp: SmtpServer,
    pub(crate) server: Arc<Mutex<Server>>,
    /// The URL of the database for the suite itself.
    pub(crate) database_url: String,
}

impl Service {
    /// Starts it on a server with this many workers, and returns when it answers.
    pub(crate) async fn start(server: Server, logs: &Path, workers: usize) -> anyhow::Result<Self> {
        let database_url = server.create_database("service");
        let smtp = SmtpServer::start();
        smtp.slow_down(MAIL_TIME);
        let ports = [free_port(), free_port()];
        let webs = (1..).zip(ports).map(|(number, port)| {
            let name = format!("web-{number}");
            let mut variables = common(&database_url, &name)?;
            variables.push(("HOST", "127.0.0.1".to_owned()));
            variables.push(("PORT", port.to_string()));
            Ok(Place::new(name, "fixture-web", variables, logs.to_owned()))
        });
        let workers = (1..=workers).map(|number| {
            let name = format!("worker-{number}");
            let mut variables = common(&database_url, &name)?;
            variables.push(("SMTP_URL", smtp.url()));
            variables.push(("WORKER_QUEUES", CONCURRENCY.to_owned()));
            variables.push(("JOB_LEASE_SECONDS", LEASE.as_secs().to_string()));
            Ok(Place::new(
                name,
                "fixture-worker",
                variables,
                logs.to_owned(),
            ))
        });
        let service = Self {
            webs: webs.collect::<anyhow::Result<_>>()?,
            workers: workers.collect::<anyhow::Result<_>>()?,
            addresses: ports.map(|port| format!("http://127.0.0.1:{port}")).into(),
            smtp,
            server: Arc::new(Mutex::new(server)),
            database_url,
        };
        service.prepare_database().await?;
        service.places().try_for_each(Place::start)?;
        service.wait_until_up().await?;
        Ok(service)
    }

    /// How many sessions all its processes may have (docs/scaling.md): the pool of each, and five
    /// more in a worker of one queue.
    pub(crate) fn connections(&self) -> usize {
        const POOL: usize = 10;
        self.webs.len() * POOL + self.workers.len() * (POOL + 5)
    }

    /// How many bytes of memory the largest web process has now.
    pub(crate) fn web_memory(&self) -> u64 {
        let webs = self.webs.iter().filter_map(Place::memory);
        webs.max().unwrap_or_default()
    }

    pub(crate) fn places(&self) -> impl Iterator<Item = &Place> {
        self.webs.iter().chain(&self.workers)
    }

    /// Applies the schema, and creates a role for each place, so that a session shows whose it is.
    async fn prepare_database(&self) -> anyhow::Result<()> {
        let db = bare_testkit::connect(&self.database_url).await;
        fixture::SCHEMA.up(&db, None).await?;
        db.close().await?;
        let mut connection = PgConnection::connect(&self.database_url).await?;
        let url = Url::parse(&self.database_url)?;
        let password = url.password().unwrap_or_default();
        for place in self.places() {
            let role = role(&place.name);
            let sql = format!("CREATE ROLE {role} LOGIN SUPERUSER PASSWORD '{password}'");
            sqlx::raw_sql(AssertSqlSafe(sql))
                .execute(&mut connection)
                .await?;
        }
        connection.close().await?;
        Ok(())
    }

    async fn wait_until_up(&self) -> anyhow::Result<()> {
        let client = reqwest::Client::new();
        let mut connection = PgConnection::connect(&self.database_url).await?;
        let deadline = Instant::now() + STARTUP_PATIENCE;
        for address in &self.addresses {
            while client.get(address).send().await.is_err() {
                ensure!(Instant::now() < deadline, "web does not start");
                tokio::time::sleep(WATCH_INTERVAL).await;
            }
        }
        let are_all_there = "SELECT count(*) >= $1 FROM worker";
        let workers = i64::try_from(self.workers.len())?;
        while !sqlx::query_scalar(are_all_there)
            .bind(workers)
            .fetch_one(&mut connection)
            .await?
        {
            ensure!(Instant::now() < deadline, "the workers do not start");
            tokio::time::sleep(WATCH_INTERVAL).await;
        }
        connection.close().await?;
        Ok(())
    }

    /// Records every unexpected end of a process, and starts another in its place, forever.
    pub(crate) async fn watch_processes(&self, journal: &Journal) -> anyhow::Error {
        loop {
            for place in self.places() {
                if let Some(status) = place.ended_unasked() {
                    let name = place.start_name();
                    journal.broke(format!("{name} ended unasked ({status})"));
                    if let Err(error) = place.start() {
                        return error;
                    }
                }
            }
            tokio::time::sleep(WATCH_INTERVAL).await;
        }
    }

    /// Stops every process, and records those that do not end cleanly and in time.
    pub(crate) async fn stop(&self, journal: &Journal) {
        for place in self.places() {
            if let Err(error) = terminate(place).await {
                journal.broke(error.to_string());
            }
        }
    }
}

/// Ends a process by SIGTERM, and returns how long that took. An unclean or late end is an error.
pub(crate) async fn terminate(place: &Place) -> anyhow::Result<Duration> {
    let limit = GRACE + Duration::from_secs(1);
    let name = place.start_name();
    let start = Instant::now();
    let Some(status) = place.end(Signal::TERM, 2 * limit).await else {
        place.end(Signal::KILL, limit).await;
        bail!("{name} does not end after SIGTERM");
    };
    let took = start.elapsed();
    ensure!(status.success(), "{name} ended after SIGTERM with {status}");
    ensure!(
        took <= limit,
        "{name} took {:.2} s to end after SIGTERM, with a grace of {} s",
        took.as_secs_f64(),
        GRACE.as_secs()
    );
    Ok(took)
}

/// The settings that web and worker share.
fn common(database_url: &str, place: &str) -> anyhow::Result<Vec<(&'static str, String)>> {
    let mut url = Url::parse(database_url)?;
    ensure!(url.set_username(&role(place)).is_ok(), "no such user");
    Ok(vec![
        ("DATABASE_URL", url.into()),
        ("SHUTDOWN_GRACE_SECONDS", GRACE.as_secs().to_string()),
    ])
}

/// The place's role in the database.
pub(crate) fn role(place: &str) -> String {
    place.replace('-', "_")
}
