//! A look at the database ten times a second, on a connection of its own: which worker holds which
//! job, and when the database answers again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use sqlx::{Connection as _, PgConnection};
use tokio::time::{MissedTickBehavior, timeout};
use uuid::Uuid;

const INTERVAL: Duration = Duration::from_millis(100);

/// A database that takes longer is not there.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a worker may take to be there, on a slow machine.
const START_PATIENCE: Duration = Duration::from_secs(30);

/// Jobs that are held for less are of no interest, unless their worker is dead.
pub(crate) const LONG: Duration = Duration::from_secs(1);

/// A job in the hands of a worker, as it was seen.
#[derive(Clone, Debug)]
pub(crate) struct Hold {
    /// The start of the worker.
    pub(crate) worker: String,
    pub(crate) first_seen: Instant,
    pub(crate) last_seen: Instant,
    /// When it was first seen to be over.
    pub(crate) gone: Instant,
}

/// What was seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sight {
    /// Those that were held for long, and those of dead workers.
    pub(crate) holds: Vec<Hold>,
    /// When each worker was killed.
    pub(crate) deaths: HashMap<String, Instant>,
    /// When the database answered after it had not.
    pub(crate) ups: Vec<Instant>,
    names: HashMap<Uuid, String>,
    held: HashMap<(Uuid, i32), Hold>,
    is_down: bool,
}

/// The watch, until it is dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    sight: Arc<Mutex<Sight>>,
    task: tokio::task::JoinHandle<()>,
}

impl Watch {
    pub(crate) fn start(database_url: &str) -> Self {
        let sight = Arc::<Mutex<Sight>>::default();
        let task = tokio::spawn(look_for_ever(database_url.to_owned(), Arc::clone(&sight)));
        Self { sight, task }
    }

    /// Notes that a worker was killed.
    pub(crate) fn died(&self, worker: &str, at: Instant) {
        let mut sight = self.sight.lock().unwrap();
        sight.deaths.insert(worker.to_owned(), at);
    }

    /// Returns when a worker is registered, or after a while in which it should have been.
    pub(crate) async fn wait_for(&self, worker: &str) {
        let is_there = || {
            let sight = self.sight.lock().unwrap();
            sight.names.values().any(|name| name == worker)
        };
        let start = Instant::now();
        while !is_there() && start.elapsed() < START_PATIENCE {
            tokio::time::sleep(INTERVAL).await;
        }
    }

    pub(crate) fn sight(&self) -> Sight {
        self.sight.lock().unwrap().clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn look_for_ever(url: String, sight: Arc<Mutex<Sight>>) {
    let mut connection = None;
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let looked = timeout(PATIENCE, look(&url, &mut connection)).await;
        let mut sight = sight.lock().unwrap();
        if let Ok(Ok((workers, jobs))) = looked {
            sight.note(workers, &jobs);
        } else {
            sight.is_down = true;
            connection = None;
        }
    }
}

type Workers = Vec<(Uuid, String)>;
type Jobs = Vec<(Uuid, i32, Option<Uuid>)>;

async fn look(url: &str, kept: &mut Option<PgConnection>) -> sqlx::Result<(Workers, Jobs)> {
    let connection = match kept {
        Some(connection) => connection,
        None => kept.insert(PgConnection::connect(url).await?),
    };
    // In one statement each: a worker's row is older than what it holds, and goes with its last job
    // at the earliest.
    let jobs = "SELECT id, lease_number, worker_id FROM job WHERE state = 'running'";
    let jobs = sqlx::query_as(jobs).fetch_all(&mut *connection).await?;
    let workers = "SELECT id, hostname FROM worker";
    let workers = sqlx::query_as(workers).fetch_all(connection).await?;
    Ok((workers, jobs))
}

impl Sight {
    fn note(&mut self, workers: Workers, jobs: &Jobs) {
        let now = Instant::now();
        if std::mem::take(&mut self.is_down) {
            self.ups.push(now);
        }
        self.names.extend(workers);
        for &(job, lease, worker) in jobs {
            let worker = worker.and_then(|worker| self.names.get(&worker));
            let worker = worker.cloned().unwrap_or_default();
            let hold = self.held.entry((job, lease)).or_insert(Hold {
                worker,
                first_seen: now,
                last_seen: now,
                gone: now,
            });
            hold.last_seen = now;
        }
        let over = self.held.extract_if(|_, hold| hold.last_seen < now);
        for (_, hold) in over {
            let hold = Hold { gone: now, ..hold };
            let death = self.deaths.get(&hold.worker);
            let is_orphan = death.is_some_and(|death| hold.last_seen > *death);
            if is_orphan || hold.last_seen - hold.first_seen > LONG {
                self.holds.push(hold);
            }
        }
    }
}
