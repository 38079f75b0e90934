//! What every case runs on: one PostgreSQL, and a fresh database for every run.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufRead as _, BufReader, Lines},
    net::TcpStream,
    path::Path,
    process::{ChildStderr, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use bare_testkit::postgres;
use serde::de::DeserializeOwned;
use sqlx::{AssertSqlSafe, Connection as _, Decode, PgConnection, Postgres, Type};
use tempfile::TempDir;

use crate::{process::Process, queues::Order, servers::Server, side::Side};

/// How long a server may take until it listens.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much work a run does.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Jobs of a run.
    pub jobs: u32,
    /// Seconds under load.
    pub seconds: u32,
    /// Rows of a table that is full.
    pub rows: u32,
    /// How many seconds a minute has, where something takes minutes.
    pub minute: u32,
    /// The profile of the binaries: the one that is there when tests have run.
    pub profile: &'static str,
}

impl Size {
    pub const FULL: Self = Self {
        jobs: 100_000,
        seconds: 10,
        rows: 5_000_000,
        minute: 60,
        profile: "release",
    };
    pub const QUICK: Self = Self {
        jobs: 1_000,
        seconds: 1,
        rows: 5_000,
        minute: 1,
        profile: "dev",
    };
}

pub struct Bench {
    server: postgres::Server,
    folder: TempDir,
    databases: usize,
    kept: HashMap<&'static str, String>,
    pub runtime: tokio::runtime::Runtime,
}

impl Bench {
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self {
            server: postgres::Server::start_durable()
                .context("PostgreSQL's server programs were not found")?,
            folder: tempfile::tempdir()?,
            databases: 0,
            kept: HashMap::new(),
            runtime: tokio::runtime::Runtime::new()?,
        })
    }

    /// The URL of a new, empty database.
    pub fn database(&mut self) -> String {
        self.databases += 1;
        self.server
            .create_database(&format!("race_{}", self.databases))
    }

    /// The URL of a database that is filled once, and kept for all rounds.
    pub fn kept(
        &mut self,
        name: &'static str,
        fill: impl FnOnce(&Self, &str) -> anyhow::Result<()>,
    ) -> anyhow::Result<String> {
        if let Some(url) = self.kept.get(name) {
            return Ok(url.clone());
        }
        let url = self.database();
        fill(self, &url)?;
        self.kept.insert(name, url.clone());
        Ok(url)
    }

    /// Drops the databases that were kept, so that no vacuum of theirs runs beside what takes long.
    pub fn drop_kept(&mut self) -> anyhow::Result<()> {
        for (_, url) in std::mem::take(&mut self.kept) {
            self.clean(&url)?;
        }
        Ok(())
    }

    /// A folder for what is no database.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs statements one by one, each outside a transaction.
    pub fn execute(&self, url: &str, statements: &[&str]) -> anyhow::Result<()> {
        self.runtime.block_on(async {
            let mut connection = PgConnection::connect(url).await?;
            for statement in statements {
                sqlx::raw_sql(AssertSqlSafe(*statement))
                    .execute(&mut connection)
                    .await?;
            }
            Ok(connection.close().await?)
        })
    }

    /// Which PostgreSQL it is.
    pub fn version(&self) -> anyhow::Result<String> {
        let version: String = self.ask(&self.server.url("postgres"), "SHOW server_version")?;
        Ok(format!("PostgreSQL {version}"))
    }

    /// The value that a query yields.
    pub fn ask<T>(&self, url: &str, query: &'static str) -> anyhow::Result<T>
    where
        T: for<'r> Decode<'r, Postgres> + Type<Postgres> + Send + Unpin,
    {
        self.runtime.block_on(async {
            let mut connection = PgConnection::connect(url).await?;
            let value = sqlx::query_scalar(query).fetch_one(&mut connection).await?;
            connection.close().await?;
            Ok(value)
        })
    }

    /// Drops what a run has left, and writes out what it has dirtied, so that the next one does not
    /// pay for it.
    pub fn clean(&self, url: &str) -> anyhow::Result<()> {
        let name = url.rsplit('/').next().unwrap_or_default();
        let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        self.execute(&self.server.url("postgres"), &[drop.as_str(), "CHECKPOINT"])
    }

    /// Runs a queue's side until it has said what it measured, and has ended.
    pub fn run(&self, order: &Order) -> anyhow::Result<Vec<f64>> {
        let mut running = self.start(order)?;
        let measured = running.hear().with_context(|| format!("of {order:?}"))?;
        let status = running.process.0.wait()?;
        ensure!(status.success(), "{order:?} ended with {status}");
        Ok(measured)
    }

    /// The same for what took so many seconds.
    pub fn time(&self, order: &Order) -> anyhow::Result<f64> {
        let measured = self.run(order)?;
        measured.first().copied().context("nothing was measured")
    }

    /// Starts a queue's side. Its log goes to a file.
    pub fn start(&self, order: &Order) -> anyhow::Result<Running> {
        self.spawn(&Side::Queue(order.clone()), self.log()?.into())
    }

    /// Starts a server, and returns with its address when it listens.
    pub fn serve(&self, server: &Server) -> anyhow::Result<(Running, String)> {
        let log = if server.is_read() {
            self.log()?.into()
        } else {
            Stdio::piped()
        };
        let mut running = self.spawn(&Side::Server(server.clone()), log)?;
        let address: String = running.hear().with_context(|| format!("of {server:?}"))?;
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(&address).is_err() {
            ensure!(Instant::now() < deadline, "{server:?} does not listen");
            thread::sleep(Duration::from_millis(10));
        }
        Ok((running, address))
    }

    /// Starts a program. What it writes goes to a file.
    pub fn program(&self, command: &mut Command) -> anyhow::Result<Process> {
        let command = command.stdin(Stdio::null());
        Ok(Process(
            command.stdout(self.log()?).stderr(self.log()?).spawn()?,
        ))
    }

    fn log(&self) -> io::Result<File> {
        tempfile::tempfile_in(self.folder.path())
    }

    fn spawn(&self, side: &Side, log: Stdio) -> anyhow::Result<Running> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--side", &serde_json::to_string(side)?])
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = child.stderr.take().context("stderr is piped")?;
        let said = BufReader::new(stderr).lines();
        Ok(Running {
            process: Process(child),
            said,
        })
    }
}

/// A side at work. It is killed when it is dropped.
pub struct Running {
    process: Process,
    said: Lines<BufReader<ChildStderr>>,
}

impl Running {
    /// The id of its process.
    pub fn id(&self) -> u32 {
        self.process.0.id()
    }

    /// What it says next on stderr; other lines are passed on.
    pub fn hear<T: DeserializeOwned>(&mut self) -> anyhow::Result<T> {
        for line in &mut self.said {
            let line = line?;
            match serde_json::from_str(&line) {
                Ok(said) => return Ok(said),
                Err(_) => eprintln!("{line}"),
            }
        }
        anyhow::bail!("nothing was heard")
    }
}
