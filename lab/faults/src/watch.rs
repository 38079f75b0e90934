//! Observes the database ten times a second, on a separate connection: which worker holds which
//! job, which jobs wait, when the database answers again, and how many sessions there are.

use std::{
    collections::{HashMap, HashSet},
    str::FromStr as _,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::time::{MissedTickBehavior, timeout};
use uuid::Uuid;

use crate::{
    poison::UNKNOWN_KIND,
    sessions::{self, Session, Sessions},
};

const INTERVAL: Duration = Duration::from_millis(100);

/// A database that takes longer counts as down.
const PATIENCE: Duration = Duration::from_secs(2);

/// A query that waits longer for a lock is cancelled, so that it leaves no session behind.
const LOCK_PATIENCE: (&str, &str) = ("lock_timeout", "1s");

/// How long a worker may take to register, on a slow machine.
const START_PATIENCE: Duration = Duration::from_secs(30);

/// Jobs that are held for less are ignored, unless their worker is dead.
pub(crate) const LONG: Duration = Duration::from_secs(1);

/// A job that a worker holds, or that waits.
#[derive(Clone, Debug)]
pub(crate) struct Hold {
    pub(crate) job: Uuid,
    /// The start of the worker; empty if the job waits.
    pub(crate) worker: String,
    pub(crate) first_seen: Instant,
    pub(crate) last_seen: Instant,
    /// When its end was first seen.
    pub(crate) gone: Instant,
}

/// The observations.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sight {
    /// Jobs that were held for long, and those of dead workers.
    pub(crate) holds: Vec<Hold>,
    /// When each worker was killed.
    pub(crate) deaths: HashMap<String, Instant>,
    /// When the database answered after it had not.
    pub(crate) ups: Vec<Instant>,
    pub(crate) sessions: Sessions,
    /// Jobs that waited for long.
    waits: Vec<Hold>,
    names: HashMap<Uuid, String>,
    held: HashMap<(Uuid, i32), Hold>,
    waiting: HashMap<Uuid, Hold>,
    left_out: HashSet<i32>,
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

    /// Records that a worker was killed.
    pub(crate) fn died(&self, worker: &str, at: Instant) {
        let mut sight = self.sight.lock().unwrap();
        sight.deaths.insert(worker.to_owned(), at);
    }

    /// Excludes the sessions of these processes from the count from now on.
    pub(crate) fn leave_out(&self, pids: &[i32]) {
        self.sight.lock().unwrap().left_out.extend(pids);
    }

    /// Waits until a worker is registered, or until it should have been.
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
        let left_out: Vec<i32> = sight.lock().unwrap().left_out.iter().copied().collect();
        let counted = timeout(PATIENCE, count(&url, &mut connection, left_out)).await;
        if let Ok(Ok(sessions)) = counted {
            let sight = &mut sight.lock().unwrap().sessions;
            sight.note(Instant::now(), &sessions);
        }
        let looked = timeout(PATIENCE, look(&url, &mut connection)).await;
        let mut sight = sight.lock().unwrap();
        if let Ok(Ok((workers, jobs))) = looked {
            sight.note(workers, jobs);
        } else {
            sight.is_down = true;
            connection = None;
        }
    }
}

type Workers = Vec<(Uuid, String)>;
/// The job, its lease number, its worker, and whether it waits.
type Jobs = Vec<(Uuid, i32, Option<Uuid>, bool)>;

async fn connect<'c>(
    url: &str,
    kept: &'c mut Option<PgConnection>,
) -> sqlx::Result<&'c mut PgConnection> {
    if kept.is_none() {
        let options = PgConnectOptions::from_str(url)?.options([LOCK_PATIENCE]);
        *kept = Some(PgConnection::connect_with(&options).await?);
    }
    Ok(kept.as_mut().expect("it was just made"))
}

async fn count(
    url: &str,
    kept: &mut Option<PgConnection>,
    left_out: Vec<i32>,
) -> sqlx::Result<Vec<Session>> {
    let connection = connect(url, kept).await?;
    let query = sqlx::query_as(sessions::LOOK).bind(left_out);
    query.fetch_all(connection).await
}

async fn look(url: &str, kept: &mut Option<PgConnection>) -> sqlx::Result<(Workers, Jobs)> {
    let connection = connect(url, kept).await?;
    // One statement each: a worker's row is older than the jobs that it holds, and is deleted with
    // its last job at the earliest.
    let jobs = "
        SELECT id, lease_number, worker_id, state = 'available' FROM job
        WHERE state IN ('running', 'available') AND kind <> $1";
    let jobs = sqlx::query_as(jobs).bind(UNKNOWN_KIND);
    let jobs = jobs.fetch_all(&mut *connection).await?;
    let workers = "SELECT id, hostname FROM worker";
    let workers = sqlx::query_as(workers).fetch_all(connection).await?;
    Ok((workers, jobs))
}

impl Sight {
    /// Jobs that were or are in one state for long.
    pub(crate) fn long(&self) -> impl Iterator<Item = &Hold> {
        let over = self.holds.iter().chain(&self.waits);
        over.chain(self.held.values()).chain(self.waiting.values())
    }

    fn note(&mut self, workers: Workers, jobs: Jobs) {
        let now = Instant::now();
        if std::mem::take(&mut self.is_down) {
            self.ups.push(now);
        }
        self.names.extend(workers);
        for (job, lease, worker, waits) in jobs {
            let worker = worker.and_then(|worker| self.names.get(&worker));
            let new = Hold {
                job,
                worker: worker.cloned().unwrap_or_default(),
                first_seen: now,
                last_seen: now,
                gone: now,
            };
            let hold = if waits {
                self.waiting.entry(job).or_insert(new)
            } else {
                self.held.entry((job, lease)).or_insert(new)
            };
            hold.last_seen = now;
        }
        let waited = self.waiting.extract_if(|_, wait| wait.last_seen < now);
        let waited = waited.map(|(_, wait)| Hold { gone: now, ..wait });
        self.waits
            .extend(waited.filter(|wait| wait.last_seen - wait.first_seen > LONG));
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
