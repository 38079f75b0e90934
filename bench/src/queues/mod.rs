//! The queues, each doing the same work in its own way.

mod apalis_postgres;
mod graphile_worker;
mod ours;
mod sql_alone;

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::bench::Measured;

/// How many jobs one statement enqueues.
const BATCH: usize = 1_000;

/// Who does the work, and how it is set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Contender {
    /// Our worker and its log, with these variables in its environment.
    Ours { variables: Vec<(String, String)> },
    /// `graphile_worker`, with its own benchmark's settings.
    GraphileWorker {
        concurrency: usize,
        local_queue: Option<usize>,
    },
    /// `apalis-postgres`: so many workers that fetch so many jobs at once.
    ApalisPostgres { workers: usize, batch: usize },
    /// Two clients that claim 1,000 jobs of our tables and then move them, until all are moved.
    SqlAlone,
}

/// What it does.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Action {
    /// Executes jobs that are there.
    Execute,
    /// Enqueues jobs, 1,000 in a statement.
    EnqueueBatch,
    /// Enqueues jobs, each in a transaction of its own, by so many clients.
    EnqueueSingle { clients: u32 },
}

/// A run of one side, as its process is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    pub contender: Contender,
    pub action: Action,
    pub url: String,
    pub jobs: u32,
}

impl Contender {
    pub fn ours(variables: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self::Ours {
            variables: variables.iter().map(owned).collect(),
        }
    }

    /// Makes its tables.
    pub async fn prepare(&self, url: &str) -> anyhow::Result<()> {
        match self {
            Self::Ours { .. } | Self::SqlAlone => ours::prepare(url).await,
            Self::GraphileWorker { .. } => graphile_worker::prepare(url).await,
            Self::ApalisPostgres { .. } => apalis_postgres::prepare(url).await,
        }
    }

    /// Enqueues jobs that do nothing.
    pub async fn enqueue(&self, url: &str, jobs: u32) -> anyhow::Result<()> {
        match self {
            Self::Ours { .. } | Self::SqlAlone => ours::enqueue(url, jobs).await,
            Self::GraphileWorker { .. } => graphile_worker::enqueue(url, jobs).await,
            Self::ApalisPostgres { .. } => apalis_postgres::enqueue(url, jobs).await,
        }
    }
}

/// Runs a side in this process, and says on stderr what it measured.
pub fn run(run: &Run) -> anyhow::Result<()> {
    // Our worker sets up its process by itself.
    if let (Contender::Ours { variables }, Action::Execute) = (&run.contender, run.action) {
        ours::execute(run, variables);
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let took = runtime.block_on(async {
        let begun = Instant::now();
        match (&run.contender, run.action) {
            (
                Contender::GraphileWorker {
                    concurrency,
                    local_queue,
                },
                Action::Execute,
            ) => graphile_worker::execute(run, *concurrency, *local_queue).await?,
            (Contender::ApalisPostgres { workers, batch }, Action::Execute) => {
                apalis_postgres::execute(run, *workers, *batch).await?;
            }
            (Contender::SqlAlone, Action::Execute) => sql_alone::execute(run).await?,
            (contender, Action::EnqueueBatch) => contender.enqueue(&run.url, run.jobs).await?,
            (Contender::Ours { .. }, Action::EnqueueSingle { clients }) => {
                ours::enqueue_single(run, clients).await?;
            }
            (Contender::SqlAlone, Action::EnqueueSingle { clients }) => {
                sql_alone::enqueue_single(run, clients).await?;
            }
            (Contender::GraphileWorker { .. }, Action::EnqueueSingle { clients }) => {
                graphile_worker::enqueue_single(run, clients).await?;
            }
            (contender, action) => anyhow::bail!("{contender:?} has no {action:?}"),
        }
        anyhow::Ok(begun.elapsed())
    })?;
    say(took)
}

/// Says on stderr what was measured.
fn say(took: Duration) -> anyhow::Result<()> {
    let measured = Measured {
        seconds: took.as_secs_f64(),
        peak_megabytes: crate::machine::peak_megabytes("self")?,
    };
    eprintln!("{}", serde_json::to_string(&measured)?);
    Ok(())
}

/// Returns when a query that asks whether something is left says no. It is asked when little can be
/// left, and the same of all.
async fn until_none(url: &str, is_left: &'static str) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    while sqlx::query_scalar::<_, bool>(AssertSqlSafe(is_left))
        .fetch_one(&mut connection)
        .await?
    {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}
