//! Claiming again and again, without passing each time over all that was claimed before.

use std::{
    cmp::{max, min},
    collections::BTreeSet,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::DbErr;
use uuid::Uuid;

use super::{ClaimedJob, Range};
use crate::store::JobStore;

/// A claim that takes so much longer than the quickest passes over the remains of earlier ones, which
/// PostgreSQL must keep for as long as an open transaction could see them.
const PATIENCE: Duration = Duration::from_millis(20);

/// How far behind a claim that left nothing the next ones begin: what is enqueued by a transaction that
/// takes no longer than this is found by them.
const MARGIN: TimeDelta = TimeDelta::seconds(3);

/// How long claims may begin there, in times of what one takes that begins at the start of the queue:
/// those take a hundredth of the time.
const REST: u32 = 100;

/// And in any case.
const LONGEST_REST: Duration = Duration::from_secs(10);

/// The most priorities that are searched one by one.
const PRIORITIES: usize = 100;

/// Claims from one queue, one claim after the other.
///
/// As [`JobStore::claim`] does, but where claims have become slow, most of them begin, in each priority that
/// was met before, a little behind where an earlier one left nothing, and one now and then at the start of
/// the queue. Then a job that is available again at an old place, the first of its priority, or one that
/// was enqueued by a transaction longer than 3 s, may wait for up to 10 s; while there are such jobs, every
/// claim begins at the start.
#[derive(Debug)]
pub struct ClaimCursor {
    store: JobStore,
    queue: String,
    patience: Duration,
    /// What the quickest claim took.
    quickest: Duration,
    /// The priorities of the jobs that were claimed.
    priorities: BTreeSet<i32>,
    /// Where nothing was left before, by the database's clock.
    since: Option<DateTime<Utc>>,
    /// When a claim is due that begins at the start of the queue.
    from_start: Instant,
}

impl ClaimCursor {
    /// One for a queue. `store` is best one with a connection for itself.
    pub fn new(store: JobStore, queue: &str) -> Self {
        Self {
            store,
            queue: queue.to_owned(),
            patience: PATIENCE,
            quickest: Duration::MAX,
            priorities: BTreeSet::new(),
            since: None,
            from_start: Instant::now(),
        }
    }

    /// The same, for which claims are slow that take so much longer than the quickest.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Claims up to `limit` jobs for `worker`, as [`JobStore::claim`] does.
    pub async fn claim(&mut self, worker: Uuid, limit: u64) -> Result<Vec<ClaimedJob>, DbErr> {
        let begun = Instant::now();
        let (store, queue) = (&self.store, &*self.queue);
        let since = self.since.filter(|_| self.priorities.len() <= PRIORITIES);
        let jobs = match since {
            Some(run_at) if begun < self.from_start => {
                let priorities = &self.priorities;
                let range = Range::Since { run_at, priorities };
                store.claim_in(range, worker, queue, limit).await?
            }
            _ => {
                let jobs = store.claim(worker, queue, limit).await?;
                let took = begun.elapsed();
                self.quickest = min(self.quickest, took);
                let is_slow = took >= self.quickest.saturating_add(self.patience);
                let would_be_found = |job: &ClaimedJob| {
                    since.is_some_and(|since| job.run_at >= since)
                        && self.priorities.contains(&job.priority)
                };
                if is_slow && jobs.iter().all(would_be_found) {
                    // No less for somebody with less patience, whose slow claims are quick ones.
                    let rest = min(max(took, PATIENCE) * REST, LONGEST_REST);
                    self.from_start = begun + rest;
                }
                jobs
            }
        };
        if self.priorities.len() <= PRIORITIES {
            self.priorities.extend(jobs.iter().map(|job| job.priority));
        }
        if (jobs.len() as u64) < limit
            && let Some(job) = jobs.first()
        {
            self.since = Some(job.started_at - MARGIN);
        }
        Ok(jobs)
    }

    /// Claims as [`JobStore::claim_limited`] does, always from the start of the queue.
    pub async fn claim_limited(&self, worker: Uuid, limit: u64) -> Result<Vec<ClaimedJob>, DbErr> {
        self.store.claim_limited(worker, &self.queue, limit).await
    }
}
