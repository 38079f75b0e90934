//! The commands.

use std::io::{self, IsTerminal, Write as _};

use anyhow::{Context, bail, ensure};
use bare_database::{connect, migrate::Schema};
use conf::{Conf, Subcommands};
use dockerflow::settings::between;
use uuid::Uuid;

use super::table;
use crate::{
    JobState, Registry,
    names::{NAME_RULE, is_name},
    store::{Cancelled, Filter, JobStore, OperateError},
};

/// Lists, retries, cancels and enqueues jobs; pauses and limits queues
#[derive(Conf, Clone, Debug)]
pub struct Jobs {
    #[conf(subcommands)]
    command: Command,

    #[conf(flatten)]
    database: bare_database::Settings,
}

#[derive(Subcommands, Clone, Debug)]
enum Command {
    /// Lists jobs, newest first
    List(List),
    /// Shows a job with its payload and its errors
    Show(Show),
    /// Runs a dead or cancelled job again, or a scheduled job now
    Retry(One),
    /// Cancels a job, or all that match a filter
    Cancel(Cancel),
    /// Stops claiming jobs from a queue
    Pause(Queue),
    /// Claims jobs from a queue again
    Resume(Queue),
    /// Limits how many jobs of a queue run at once across all workers
    Limit(Limit),
    /// Counts jobs by queue and kind
    Stats(Stats),
    /// Enqueues a job
    Enqueue(Enqueue),
}

/// Which jobs
#[derive(Conf, Clone, Debug)]
struct FilterOptions {
    /// Only jobs in this state
    #[conf(long)]
    state: Option<JobState>,
    /// Only jobs in this queue
    #[conf(long)]
    queue: Option<String>,
    /// Only jobs of this kind
    #[conf(long)]
    kind: Option<String>,
}

/// Lists jobs, newest first
#[derive(Conf, Clone, Debug)]
struct List {
    #[conf(flatten)]
    filter: FilterOptions,
    /// The maximum number of jobs
    #[conf(long, default_value = "50")]
    limit: u64,
    /// Prints one JSON object per line
    #[conf(long)]
    json: bool,
}

/// Shows a job with its payload and its errors
#[derive(Conf, Clone, Debug)]
struct Show {
    /// The job's id
    #[conf(pos)]
    id: String,
}

/// Which job
#[derive(Conf, Clone, Debug)]
struct One {
    /// The job's id
    #[conf(pos)]
    id: String,
}

/// Cancels a job, or all that match a filter
#[derive(Conf, Clone, Debug)]
struct Cancel {
    /// The job's id
    #[conf(pos)]
    id: Option<String>,
    #[conf(flatten)]
    filter: FilterOptions,
    /// Cancels what the filter matches without asking
    #[conf(long)]
    yes: bool,
}

/// Which queue
#[derive(Conf, Clone, Debug)]
struct Queue {
    /// The queue's name
    #[conf(pos)]
    name: String,
}

/// Limits how many jobs of a queue run at once across all workers
#[derive(Conf, Clone, Debug)]
struct Limit {
    /// The queue's name
    #[conf(pos)]
    name: String,
    /// The limit; without it the limit is removed
    #[conf(pos, value_parser = between(1, i32::MAX))]
    max_running: Option<i32>,
}

/// Counts jobs by queue and kind
#[derive(Conf, Clone, Debug)]
struct Stats {
    /// Prints one JSON object per line
    #[conf(long)]
    json: bool,
}

/// Enqueues a job
#[derive(Conf, Clone, Debug)]
struct Enqueue {
    /// The task's name
    #[conf(pos)]
    kind: String,
    /// Its payload, as JSON
    #[conf(pos)]
    payload: String,
}

impl From<&FilterOptions> for Filter {
    fn from(options: &FilterOptions) -> Self {
        Self {
            state: options.state,
            queue: options.queue.clone(),
            kind: options.kind.clone(),
        }
    }
}

impl Jobs {
    /// Runs the command, and prints the result. `schema` and `tasks` are those of the service.
    ///
    /// # Errors
    /// The schema is too old, the database refuses, or the command does not fit the job or queue.
    pub async fn execute<R: Send + Sync + 'static>(
        &self,
        schema: Schema,
        tasks: &Registry<R>,
    ) -> anyhow::Result<()> {
        let db = connect(&self.database, "worker-jobs").await?;
        ensure!(
            schema.status(&db).await?.pending.is_empty(),
            "the schema of {} is missing or too old: run `migration up`",
            self.database.database_url
        );
        let store = JobStore::new(db);
        match &self.command {
            Command::List(list) => {
                let jobs = store.list(&Filter::from(&list.filter), list.limit).await?;
                print(&if list.json {
                    table::json(&jobs)?
                } else {
                    table::jobs(&jobs)
                })
            }
            Command::Show(Show { id }) => {
                let job = store
                    .show(job_id(id)?)
                    .await?
                    .with_context(|| format!("there is no job {id}"))?;
                print(&(serde_json::to_string_pretty(&job)? + "\n"))
            }
            Command::Retry(One { id }) => {
                store.retry(job_id(id)?).await?;
                print("the job waits for a worker\n")
            }
            Command::Cancel(Cancel { id: Some(id), .. }) => cancel(&store, job_id(id)?).await,
            Command::Cancel(cancel) => cancel_all(&store, cancel).await,
            Command::Pause(Queue { name }) => {
                let hint = hint(&store, name).await?;
                store.pause(name).await?;
                print(&format!("nothing more is claimed from {name}\n{hint}"))
            }
            Command::Resume(Queue { name }) => {
                store.resume(name).await?;
                print(&format!("jobs are claimed from {name} again\n"))
            }
            Command::Limit(Limit { name, max_running }) => {
                let hint = hint(&store, name).await?;
                store.limit(name, *max_running).await?;
                print(&match max_running {
                    Some(limit) => format!("at most {limit} jobs of {name} run at once\n{hint}"),
                    None => format!("{name} has no limit\n"),
                })
            }
            Command::Stats(Stats { json }) => {
                let (stats, now) = (store.stats().await?, store.now().await?);
                print(&if *json {
                    table::json(&stats)?
                } else {
                    table::stats(&stats, now) + &table::queues(&store.queues().await?)
                })
            }
            Command::Enqueue(Enqueue { kind, payload }) => {
                let job = tasks.job(kind, payload)?;
                print(&format!("{}\n", job.enqueue(store.db()).await?.id))
            }
        }
    }
}

/// What to say of a queue that may be misspelt.
async fn hint(store: &JobStore, queue: &str) -> anyhow::Result<&'static str> {
    ensure!(
        is_name(queue),
        "{queue:?} is no name of a queue: it has {NAME_RULE}"
    );
    let is_in_use = store.is_queue_in_use(queue).await?;
    Ok(if is_in_use {
        ""
    } else {
        "but no worker serves it and it has no jobs: is the name right?\n"
    })
}

fn job_id(text: &str) -> anyhow::Result<Uuid> {
    text.parse()
        .ok()
        .with_context(|| format!("{text:?} is no job id"))
}

async fn cancel(store: &JobStore, id: Uuid) -> anyhow::Result<()> {
    match store.cancel(id).await? {
        Cancelled::AtOnce => print("the job will not run\n"),
        Cancelled::Requested => print("the job's worker is told to stop it\n"),
    }
}

async fn cancel_all(store: &JobStore, options: &Cancel) -> anyhow::Result<()> {
    let filter = Filter::from(&options.filter);
    ensure!(
        filter.state.is_some() || filter.queue.is_some() || filter.kind.is_some(),
        "an id is needed, or --state, --queue or --kind"
    );
    let jobs = store.unfinished(&filter).await?;
    if jobs.is_empty() {
        return print("nothing matches\n");
    }
    if !options.yes && !confirms(jobs.len())? {
        bail!("nothing was cancelled");
    }
    let mut count = 0_usize;
    for id in jobs {
        match store.cancel(id).await {
            Ok(_) => count += 1,
            // A job that ended meanwhile need not be cancelled.
            Err(OperateError::NotFound(_) | OperateError::State { .. }) => {}
            Err(error) => return Err(error).with_context(|| format!("{count} were cancelled")),
        }
    }
    print(&format!("{count} cancelled\n"))
}

fn confirms(count: usize) -> anyhow::Result<bool> {
    ensure!(
        io::stdin().is_terminal(),
        "{count} jobs would be cancelled: say --yes"
    );
    print(&format!("cancel {count} jobs? [y/N] "))?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}

/// Writes to standard output. It is not an error if the reader is gone.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}
