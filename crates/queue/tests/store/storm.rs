//! Several workers at once, each with its own connections, that claim, finish, die, and come back
//! with late reports: every job ends once, and no worker uses the lease of another.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use bare_queue::{
    JobState,
    entities::{finished_job, job},
    testing::{ClaimedJob, DEATHS_ALLOWED, Heartbeat, JobStore, Outcome, Verdict},
};
use bare_testkit::Backend;
use chrono::{DateTime, TimeDelta, Utc};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rstest::rstest;
use sea_orm::{EntityTrait, PaginatorTrait};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::test_store::{LEASE, TestStore, report};

const WORKERS: usize = 4;
const JOBS: usize = 120;
const STEPS: usize = 20_000;

/// What all workers saw.
#[derive(Default)]
struct Log {
    /// How often each lease was handed out.
    claims: HashMap<(Uuid, i32), u32>,
    /// The leases under which a job ended, and how.
    ends: HashMap<Uuid, Vec<(i32, Outcome)>>,
}

struct Worker {
    store: JobStore,
    start: DateTime<Utc>,
    /// Seconds after the start: all workers move it.
    clock: Arc<AtomicI64>,
    log: Arc<Mutex<Log>>,
    dice: StdRng,
    id: Uuid,
    /// Claims that were not reported, even those of its earlier lives.
    held: Vec<ClaimedJob>,
}

impl Worker {
    fn now(&self) -> JobStore {
        let second = self.clock.load(Ordering::Relaxed);
        self.store.at(self.start + TimeDelta::seconds(second))
    }

    async fn run(mut self) {
        self.be_born().await;
        for _ in 0..STEPS {
            match self.dice.random_range(0..100) {
                0..35 => self.claim().await,
                35..75 => self.finish().await,
                75..83 => {
                    self.clock
                        .fetch_add(self.dice.random_range(1..15), Ordering::Relaxed);
                }
                83..90 => self.keep_alive().await,
                90..94 => drop(self.now().rescue().await.unwrap()),
                94..99 => drop(self.now().promote(10).await.unwrap()),
                // It dies, but a late report may still arrive.
                _ => self.be_born().await,
            }
            if job::Entity::find().count(self.store.db()).await.unwrap() == 0 {
                return;
            }
        }
        panic!("jobs are left");
    }

    async fn be_born(&mut self) {
        self.id = Uuid::new_v4();
        let store = self.now();
        let registered = store.register_worker(self.id, "host", "default", LEASE);
        registered.await.unwrap();
    }

    async fn keep_alive(&mut self) {
        if self.now().heartbeat(self.id, LEASE).await.unwrap() == Heartbeat::Unknown {
            self.be_born().await;
        }
    }

    async fn claim(&mut self) {
        let limit = self.dice.random_range(1..5);
        let claimed = self.now().claim(self.id, "default", limit).await.unwrap();
        for job in &claimed {
            let lease = (job.id, job.lease_number);
            *self.log.lock().unwrap().claims.entry(lease).or_default() += 1;
        }
        self.held.extend(claimed);
    }

    async fn finish(&mut self) {
        let number = self.dice.random_range(0..4).min(self.held.len());
        let jobs: Vec<_> = self.held.drain(..number).collect();
        let after = Duration::from_secs(self.dice.random_range(0..3));
        let outcomes = [
            Outcome::Completed,
            Outcome::Dead,
            Outcome::Retry { after },
            Outcome::Snooze { after },
            Outcome::Release,
        ];
        let mut any = || outcomes[self.dice.random_range(0..outcomes.len())];
        let reports: Vec<_> = jobs.iter().map(|job| report(job, any())).collect();
        let verdicts = self.now().finish(&reports).await.unwrap();
        // Some answers are lost, and then the reports are sent again.
        if self.dice.random_bool(0.2) {
            let again = self.now().finish(&reports).await.unwrap();
            let lost = verdicts
                .iter()
                .zip(again)
                .any(|(first, again)| *first == Verdict::Refused && again == Verdict::Taken);
            assert!(!lost, "what was refused stays refused");
        }
        let mut log = self.log.lock().unwrap();
        for (report, verdict) in reports.iter().zip(verdicts) {
            let ends = matches!(report.outcome, Outcome::Completed | Outcome::Dead);
            if ends && verdict == Verdict::Taken {
                let end = (report.lease_number, report.outcome);
                log.ends.entry(report.job_id).or_default().push(end);
            }
        }
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn every_job_ends_once_even_if_workers_die_and_report_late(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let enqueued = store.enqueue_notes(JOBS).await;
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let (clock, log) = (Arc::default(), Arc::<Mutex<Log>>::default());
    let mut workers = JoinSet::new();
    for number in 0..WORKERS {
        let worker = Worker {
            store: JobStore::new(store.database.connect_again().await),
            start: store.time(0),
            clock: Arc::clone(&clock),
            log: Arc::clone(&log),
            dice: StdRng::seed_from_u64(seed.wrapping_add(number as u64)),
            id: Uuid::nil(),
            held: Vec::new(),
        };
        workers.spawn(worker.run());
    }
    workers.join_all().await;

    let log = std::mem::take(&mut *log.lock().unwrap());
    assert!(
        log.claims.values().all(|times| *times == 1),
        "a lease was handed out twice"
    );
    let finished = finished_job::Entity::find().all(store.db()).await.unwrap();
    let mut ids: Vec<_> = finished.iter().map(|job| job.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, enqueued);
    for job in finished {
        let ends = log.ends.get(&job.id).map_or(&[][..], Vec::as_slice);
        let expected = match job.state {
            JobState::Completed => vec![(job.lease_number, Outcome::Completed)],
            _ if job.deaths == DEATHS_ALLOWED => Vec::new(),
            _ => vec![(job.lease_number, Outcome::Dead)],
        };
        assert_eq!(ends, expected, "{job:?}");
    }
}
