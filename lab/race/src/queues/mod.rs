//! The queues, each doing the same work in its own way.

mod apalis_postgres;
pub mod claims;
mod graphile_worker;
mod offer;
mod ours;
mod sql_alone;
mod tasks;
mod watch;

use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait as _, Statement};
use serde::{Deserialize, Serialize};

use crate::child::{self, Variables, say};

/// How many jobs one statement enqueues.
const BATCH: usize = 1_000;

/// How often it is asked whether something is left, where little can be.
const PAUSE: Duration = Duration::from_millis(1);

/// Who does the work, and how it is set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Contender {
    /// Our worker and its log, with these variables in its environment.
    Ours {
        variables: Variables,
        /// Whether our web is in the same process, as `cargo dev` has it.
        beside_web: bool,
    },
    /// `graphile_worker`, with its own benchmark's settings.
    GraphileWorker {
        concurrency: usize,
        local_queue: Option<usize>,
    },
    /// `apalis-postgres`: so many workers that fetch so many jobs at once, or one as it comes.
    ApalisPostgres {
        workers: usize,
        batch: Option<usize>,
    },
    /// Two clients that claim 1,000 jobs of our tables and then move them, until all are moved.
    SqlAlone,
}

/// What jobs are like.
#[derive(Clone, Copy, Debug)]
pub enum Jobs {
    /// They do nothing.
    Alike,
    /// The same, in turns with one of ten priorities.
    TenPriorities,
    /// They fail at their first attempt, and are tried again at once.
    FailFirst,
    /// They wait for a tenth of a second, in another queue (`slow`).
    Sleep,
    /// They keep a core busy, in another queue (`slow`).
    Compute,
}

/// What it does.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Action {
    /// Executes jobs, and says how many seconds that took.
    Execute,
    /// Executes jobs, and says when each began.
    NoteBegins,
    /// Executes jobs until it is killed.
    WorkForEver,
    /// Enqueues jobs, 1,000 in a statement, and says how many seconds that took.
    EnqueueBatch,
    /// The same with each in a transaction of its own, by so many clients.
    EnqueueSingle { clients: u32 },
    /// Enqueues so many a second, so many in a transaction, and says when each commit was called.
    Offer { rate: u32, batch: u32 },
    /// Claims where there is nothing to claim, once per job, and says how many milliseconds each took.
    ClaimInVain,
    /// Claims beside a worker, and says how many milliseconds each took.
    ClaimBeside,
}

/// What the process of one side is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    pub contender: Contender,
    pub action: Action,
    pub url: String,
    pub jobs: u32,
}

impl Contender {
    pub fn ours(variables: &[(&str, &str)]) -> Self {
        Self::Ours {
            variables: child::variables(variables),
            beside_web: false,
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

    /// Enqueues jobs.
    pub async fn enqueue(&self, url: &str, jobs: u32, like: Jobs) -> anyhow::Result<()> {
        match self {
            Self::Ours { .. } | Self::SqlAlone => ours::enqueue(url, jobs, like).await,
            Self::GraphileWorker { .. } => graphile_worker::enqueue(url, jobs, like).await,
            Self::ApalisPostgres { .. } => apalis_postgres::enqueue(url, jobs).await,
        }
    }
}

/// Does in this process what a side is told, and says on stderr what it measured.
pub fn run(order: &Order) -> anyhow::Result<()> {
    use Action::{Execute, NoteBegins, WorkForEver};
    // Our worker sets up its process by itself.
    if let (
        Contender::Ours {
            variables,
            beside_web,
        },
        Execute | NoteBegins | WorkForEver,
    ) = (&order.contender, order.action)
    {
        ours::work(order, variables, *beside_web);
    }
    let runtime = tokio::runtime::Runtime::new()?;
    say(&runtime.block_on(measured(order))?)
}

async fn measured(order: &Order) -> anyhow::Result<Vec<f64>> {
    use Action::{
        ClaimBeside, ClaimInVain, EnqueueBatch, EnqueueSingle, Execute, NoteBegins, Offer,
    };
    use Contender::{ApalisPostgres, GraphileWorker, Ours, SqlAlone};
    match (&order.contender, order.action) {
        (GraphileWorker { .. }, Execute | NoteBegins) => graphile_worker::execute(order).await,
        (ApalisPostgres { .. }, Execute) => apalis_postgres::execute(order).await,
        (SqlAlone, Execute) => timed(sql_alone::execute(order)).await,
        (contender, EnqueueBatch) => {
            timed(contender.enqueue(&order.url, order.jobs, Jobs::Alike)).await
        }
        (Ours { .. }, EnqueueSingle { clients }) => {
            timed(ours::enqueue_single(order, clients)).await
        }
        (SqlAlone, EnqueueSingle { clients }) => {
            timed(sql_alone::enqueue_single(order, clients)).await
        }
        (GraphileWorker { .. }, EnqueueSingle { clients }) => {
            timed(graphile_worker::enqueue_single(order, clients)).await
        }
        (Ours { .. }, Offer { rate, batch }) => ours::offer(order, rate, batch).await,
        (GraphileWorker { .. }, Offer { rate, batch }) => {
            graphile_worker::offer(order, rate, batch).await
        }
        (Ours { .. }, ClaimInVain) => claims::in_vain(order).await,
        (Ours { .. }, ClaimBeside) => claims::beside(order).await,
        (contender, action) => anyhow::bail!("{contender:?} has no {action:?}"),
    }
}

/// In seconds.
async fn timed(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<Vec<f64>> {
    let begun = Instant::now();
    work.await?;
    Ok(vec![begun.elapsed().as_secs_f64()])
}

/// Returns when none of our jobs waits or runs. It may be asked all the time.
pub async fn until_done(url: &str) -> anyhow::Result<()> {
    until_none(url, ours::LEFT, Duration::from_millis(10)).await
}

/// Returns when a query that asks whether something is left says no.
async fn until_none(url: &str, is_left: &'static str, pause: Duration) -> anyhow::Result<()> {
    let db = bare_testkit::connect(url).await;
    let is_left = Statement::from_string(db.get_database_backend(), is_left);
    loop {
        let row = db.query_one_raw(is_left.clone()).await?;
        if !row.map_or(Ok(false), |row| row.try_get_by_index(0))? {
            return Ok(());
        }
        tokio::time::sleep(pause).await;
    }
}
