//! The state machine against a model of it: several workers take random steps, and after each one
//! the database matches the model. No job is in two tables, none is lost, no lease number falls,
//! and no outcome counts under a lost lease.

mod job;
mod worker;

use std::{collections::BTreeMap, time::Duration};

use bare_queue::{
    JobState, entities,
    testing::{ClaimedJob, Heartbeat, Outcome, Report, Rescued, Verdict},
};
use bare_testkit::Backend;
use chrono::{DateTime, Utc};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rstest::rstest;
use sea_orm::EntityTrait;
use uuid::Uuid;

use self::{job::Job, worker::Worker};

use crate::test_store::{TestStore, note, report};

const STEPS: usize = 400;
const LEASE: Duration = Duration::from_secs(40);

#[rstest]
#[tokio::test]
async fn after_each_of_many_random_steps_the_database_matches_the_model(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let seed = std::env::var("SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("to repeat this run: SEED={seed}");
    let mut trial = Trial {
        store,
        dice: StdRng::seed_from_u64(seed),
        second: 0,
        jobs: BTreeMap::new(),
        workers: BTreeMap::new(),
        known: Vec::new(),
        claims: Vec::new(),
    };
    trial.register().await;
    for _ in 0..STEPS {
        trial.step().await;
        trial.compare().await;
    }
}

struct Trial {
    store: TestStore,
    dice: StdRng,
    /// The time, in seconds after the start.
    second: i64,
    jobs: BTreeMap<Uuid, Job>,
    /// The registered workers.
    workers: BTreeMap<Uuid, Worker>,
    /// All workers that ever registered.
    known: Vec<Uuid>,
    /// All claims so far.
    claims: Vec<ClaimedJob>,
}

impl Trial {
    async fn step(&mut self) {
        match self.dice.random_range(0..100) {
            0..20 => self.enqueue().await,
            20..45 => self.claim().await,
            45..65 => self.finish().await,
            65..75 => self.second += self.dice.random_range(0..20),
            75..82 => self.heartbeats().await,
            82..87 => self.reconcile().await,
            87..92 => self.rescue().await,
            92..97 => self.promote().await,
            97..99 => self.register().await,
            _ => self.deregister().await,
        }
    }

    fn say(&self, step: &str) {
        println!("{} s: {step}", self.second);
    }

    fn now(&self) -> DateTime<Utc> {
        self.store.time(self.second)
    }

    fn any_worker(&mut self) -> Uuid {
        self.known[self.dice.random_range(0..self.known.len())]
    }

    async fn register(&mut self) {
        let id = Uuid::new_v4();
        self.say(&format!("worker {id} registers"));
        let store = self.store.at(self.second);
        let registered = store.register_worker(id, "host", "default", LEASE);
        registered.await.unwrap();
        let steady_since = self.steady_since();
        self.workers
            .insert(id, Worker::renewed(self.now(), steady_since));
        self.known.push(id);
    }

    async fn deregister(&mut self) {
        let worker = self.any_worker();
        self.say(&format!("worker {worker} goes"));
        let store = self.store.at(self.second);
        store.deregister_worker(worker).await.unwrap();
        self.workers.remove(&worker);
    }

    /// Since when heartbeats have had no gap.
    fn steady_since(&self) -> DateTime<Utc> {
        worker::steady_since(self.workers.values(), self.now())
    }

    /// One heartbeat, or as many as it takes until a rescue may be due.
    async fn heartbeats(&mut self) {
        let worker = self.any_worker();
        let is_faithful = self.dice.random_bool(0.3);
        self.heartbeat(worker).await;
        for _ in 0..if is_faithful { 21 } else { 0 } {
            self.second += 2;
            self.heartbeat(worker).await;
        }
    }

    async fn heartbeat(&mut self, worker: Uuid) {
        self.say(&format!("heartbeat of {worker}"));
        let answer = self.store.at(self.second).heartbeat(worker, LEASE).await;
        let (now, steady_since) = (self.now(), self.steady_since());
        let is_orphan = |job: &Job| {
            let worker = job.worker.filter(|_| job.state == JobState::Running);
            worker.is_some_and(|worker| !self.workers.contains_key(&worker))
        };
        let has_orphans = self.jobs.values().any(is_orphan);
        let expected = if let Some(known) = self.workers.get_mut(&worker) {
            *known = Worker::renewed(now, steady_since);
            let has_dead = self.workers.values().any(|worker| worker.until < now);
            let is_steady = now - LEASE >= steady_since;
            let leases = self.store.at(self.second).leases(worker, LEASE).await;
            let leases = leases.unwrap();
            assert_eq!(leases.has_orphans, is_steady && has_orphans);
            let is_its = |job: &&Job| job.state == JobState::Running && job.worker == Some(worker);
            assert_eq!(leases.own.len(), self.jobs.values().filter(is_its).count());
            Heartbeat::Renewed {
                rescue_is_due: is_steady && has_dead,
                clock_is_back: false,
            }
        } else {
            Heartbeat::Unknown
        };
        assert_eq!(answer.unwrap(), expected);
    }

    async fn enqueue(&mut self) {
        let key = ["a", "b", "c", ""][self.dice.random_range(0..4)];
        let key = (!key.is_empty()).then(|| key.to_owned());
        let delay = self.dice.random_range(0..90_i64) - 60;
        let delay = Duration::from_secs(delay.max(0).unsigned_abs());
        let mut new = note().priority(self.dice.random_range(-1..=1)).delay(delay);
        if let Some(key) = &key {
            new = new.unique_key(key);
        }
        let commits = self.dice.random_bool(0.8);
        self.say(&format!("enqueue {new:?}, commit: {commits}"));
        let is_same = |job: &Job| key.is_some() && job.key == key && job.is_unfinished();
        let there = self.jobs.iter().find(|(_, job)| is_same(job));
        let there = there.map(|(id, _)| *id);

        let txn = bare_database::begin(self.store.db()).await.unwrap();
        let enqueued = new.enqueue(&txn).await.unwrap();
        assert_eq!(enqueued.is_duplicate, there.is_some());
        assert_eq!(there.unwrap_or(enqueued.id), enqueued.id);
        if !commits {
            return txn.rollback().await.unwrap();
        }
        txn.commit().await.unwrap();
        if there.is_none() {
            // The model cannot know the database's time.
            let row = self.store.job(enqueued.id).await;
            self.jobs.insert(row.id, Job::from(row));
        }
    }

    async fn claim(&mut self) {
        let worker = self.any_worker();
        let limit = self.dice.random_range(1..5);
        self.say(&format!("{worker} claims up to {limit}"));
        let store = self.store.at(self.second);
        let claimed = store
            .claim(worker, "default", limit.try_into().unwrap())
            .await;
        let is_live = self
            .workers
            .get(&worker)
            .is_some_and(|worker| worker.until > self.now());
        let mut expected: Vec<_> = self.jobs.iter_mut().collect();
        expected.retain(|(_, job)| is_live && job.state == JobState::Available);
        expected.sort_by_key(|(id, job)| (job.priority, job.run_at, **id));
        expected.truncate(limit);
        for (_, job) in &mut expected {
            job.state = JobState::Running;
            job.worker = Some(worker);
            job.attempt += 1;
            job.lease_number += 1;
        }
        let claimed = claimed.unwrap();
        let order: Vec<_> = claimed
            .iter()
            .map(|job| (job.id, job.lease_number))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(id, job)| (**id, job.lease_number))
            .collect();
        assert_eq!(order, expected);
        self.claims.extend(claimed);
    }

    async fn finish(&mut self) {
        let mut batch = Vec::new();
        for _ in 0..self.dice.random_range(1..5) {
            // Mostly a late report: its claim may have been reported or lost long ago.
            let recent = self.claims.len().saturating_sub(12);
            if recent == self.claims.len() {
                return;
            }
            let claim = &self.claims[self.dice.random_range(recent..self.claims.len())];
            let after = Duration::from_secs(self.dice.random_range(0..40));
            let outcome = match self.dice.random_range(0..10) {
                0..3 => Outcome::Completed,
                3 => Outcome::Dead,
                4 => Outcome::Cancelled,
                5..8 => Outcome::Retry { after },
                8 => Outcome::Snooze { after },
                _ => Outcome::Release,
            };
            let report = report(claim, outcome);
            batch.retain(|other: &Report| {
                (other.job_id, other.lease_number) != (report.job_id, report.lease_number)
            });
            batch.push(report);
        }
        self.say(&format!("finish {batch:?}"));
        let verdicts = self.store.at(self.second).finish(&batch).await.unwrap();
        let now = self.now();
        let expected = batch.iter().map(|report| {
            let job = self.jobs.get_mut(&report.job_id).unwrap();
            if job.lease_number != report.lease_number {
                return Verdict::Refused;
            }
            if job.state == JobState::Running {
                job.finish(report.outcome, now);
            }
            Verdict::Taken
        });
        assert_eq!(verdicts, expected.collect::<Vec<_>>());
    }

    async fn reconcile(&mut self) {
        let worker = self.any_worker();
        let mut held = Vec::new();
        let mut lost = 0;
        for (id, job) in &mut self.jobs {
            if !job.runs_under(worker) || self.dice.random_bool(0.7) {
                held.push((*id, job.lease_number));
            } else {
                job.leave(JobState::Available, false);
                job.lease_number += 1;
                lost += 1;
            }
        }
        self.say(&format!("reconcile {worker}, {lost} lost"));
        let store = self.store.at(self.second);
        assert_eq!(store.reconcile(worker, &held).await.unwrap(), lost);
    }

    async fn rescue(&mut self) {
        self.say("rescue");
        let rescued = self.store.at(self.second).rescue().await.unwrap();
        let now = self.now();
        self.workers.retain(|_, worker| worker.until >= now);
        let mut expected = Rescued::default();
        for job in self.jobs.values_mut() {
            let worker = job.worker.filter(|_| job.state == JobState::Running);
            if worker.is_none_or(|worker| self.workers.contains_key(&worker)) {
                continue;
            }
            if job.die(now) {
                expected.requeued += 1;
            } else {
                expected.dead += 1;
            }
        }
        assert_eq!(rescued, expected);
    }

    async fn promote(&mut self) {
        self.say("promote");
        let promoted = self.store.at(self.second).promote(1000).await.unwrap();
        let now = self.now();
        let is_due = |job: &&mut Job| job.state == JobState::Scheduled && job.run_at <= now;
        let due = self.jobs.values_mut().filter(is_due);
        let count = due.map(|job| job.state = JobState::Available).count();
        assert_eq!(promoted, u64::try_from(count).unwrap());
    }

    /// Checks that the database matches the model.
    async fn compare(&self) {
        let unfinished = entities::job::Entity::find()
            .all(self.store.db())
            .await
            .unwrap();
        let finished = entities::finished_job::Entity::find()
            .all(self.store.db())
            .await
            .unwrap();
        let mut there = BTreeMap::new();
        for (id, job) in unfinished
            .into_iter()
            .map(|row| (row.id, Job::from(row)))
            .chain(finished.into_iter().map(|row| (row.id, Job::from(row))))
        {
            let twice = there.insert(id, job);
            assert_eq!(twice, None, "{id} is in both tables");
        }
        assert_eq!(there, self.jobs);
    }
}
