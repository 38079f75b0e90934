//! What every case runs on: one PostgreSQL, and a fresh database for every run.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader},
    net::TcpStream,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use e2e::postgres::Server;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tempfile::TempDir;

use crate::{queues, servers, side::Side};

/// How long a server may take until it listens.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much work a run does.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Jobs of a run.
    pub jobs: u32,
    /// Seconds under load.
    pub seconds: u32,
}

impl Size {
    pub const FULL: Self = Self {
        jobs: 100_000,
        seconds: 10,
    };
    pub const QUICK: Self = Self {
        jobs: 1_000,
        seconds: 1,
    };
}

/// What a side says of its run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// From its start to the last job's end.
    pub seconds: f64,
    /// The most resident memory of its process.
    pub peak_megabytes: f64,
}

pub struct Bench {
    server: Server,
    folder: TempDir,
    databases: usize,
    pub runtime: tokio::runtime::Runtime,
}

impl Bench {
    pub fn start() -> anyhow::Result<Self> {
        Ok(Self {
            server: Server::start_durable()
                .context("PostgreSQL's server programs were not found")?,
            folder: tempfile::tempdir()?,
            databases: 0,
            runtime: tokio::runtime::Runtime::new()?,
        })
    }

    /// The URL of a new, empty database.
    pub fn database(&mut self) -> String {
        self.databases += 1;
        self.server
            .create_database(&format!("race_{}", self.databases))
    }

    /// Runs statements one by one, each outside a transaction.
    pub fn execute(&self, url: &str, statements: &[&str]) -> anyhow::Result<()> {
        self.runtime.block_on(async {
            use sqlx::{AssertSqlSafe, Connection as _};
            let mut connection = sqlx::PgConnection::connect(url).await?;
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
        let url = self.server.url("postgres");
        let version: String = self.runtime.block_on(async {
            use sqlx::Connection as _;
            let mut connection = sqlx::PgConnection::connect(&url).await?;
            let version = sqlx::query_scalar("SHOW server_version");
            version.fetch_one(&mut connection).await
        })?;
        Ok(format!("PostgreSQL {version}"))
    }

    /// Drops what a run has left, and writes out what it has dirtied, so that the next one does not
    /// pay for it.
    pub fn clean(&self, url: &str) -> anyhow::Result<()> {
        let name = url.rsplit('/').next().unwrap_or_default();
        let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        self.execute(&self.server.url("postgres"), &[drop.as_str(), "CHECKPOINT"])
    }

    /// Runs a queue's side until it has said what it measured. Its log goes to a file.
    pub fn run(&self, run: &queues::Run) -> anyhow::Result<Measured> {
        let mut child = self.spawn(&Side::Queue(run.clone()), self.log()?.into())?;
        let measured = said(&mut child);
        let status = child.wait()?;
        anyhow::ensure!(status.success(), "{run:?} ended with {status}");
        measured.with_context(|| format!("of {run:?}"))
    }

    /// Starts a server, and returns when it listens.
    pub fn serve(&self, server: &servers::Server) -> anyhow::Result<Running> {
        let log = if server.is_read() {
            self.log()?.into()
        } else {
            Stdio::piped()
        };
        let mut child = self.spawn(&Side::Server(server.clone()), log)?;
        let address: String = said(&mut child).with_context(|| format!("of {server:?}"))?;
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(&address).is_err() {
            anyhow::ensure!(Instant::now() < deadline, "{server:?} does not listen");
            thread::sleep(Duration::from_millis(10));
        }
        Ok(Running { child, address })
    }

    fn log(&self) -> io::Result<File> {
        File::create(self.folder.path().join("log"))
    }

    fn spawn(&self, side: &Side, log: Stdio) -> anyhow::Result<Child> {
        Ok(Command::new(std::env::current_exe()?)
            .args(["--side", &serde_json::to_string(side)?])
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::piped())
            .spawn()?)
    }
}

/// What a side says on stderr; other lines are passed on.
fn said<T: DeserializeOwned>(child: &mut Child) -> anyhow::Result<T> {
    let stderr = child.stderr.take().context("stderr is piped")?;
    for line in BufReader::new(stderr).lines() {
        let line = line?;
        match serde_json::from_str(&line) {
            Ok(said) => return Ok(said),
            Err(_) => eprintln!("{line}"),
        }
    }
    anyhow::bail!("nothing was heard")
}

/// A server under load.
pub struct Running {
    child: Child,
    pub address: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
