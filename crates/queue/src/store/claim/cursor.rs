//! Repeated claims, most of which do not pass over the remains of all earlier ones.

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

/// A claim that takes this much longer than the quickest passes over many dead rows of earlier
/// ones. PostgreSQL must keep them for as long as an open transaction could see them.
const PATIENCE: Duration = Duration::from_millis(20);

/// How long before a claim that left nothing the next ones begin. They find the jobs of
/// transactions that take no longer than this.
const MARGIN: TimeDelta = TimeDelta::seconds(3);

/// After a slow claim from the start of the queue, claims skip ahead for this many times its
/// duration, so that slow claims take a hundredth of the time.
const REST: u32 = 100;

/// The longest time for which claims skip ahead.
const LONGEST_REST: Duration = Duration::from_secs(10);

/// The most priorities that are searched one by one.
const PRIORITIES: usize = 100;

/// Claims from one queue, again and again.
///
/// It claims as [`JobStore::claim`] does, unless claims have become slow. Then most of them skip
/// ahead: in each known priority they begin 3 s before the last claim that left nothing. One now
/// and then begins at the start of the queue, and all do while that finds jobs that the others
/// would miss: jobs that are available again at an old place, the first of a priority, or of a
/// transaction longer than 3 s. Such a job may wait for up to 10 s.
#[derive(Debug)]
pub struct ClaimCursor {
    store: JobStore,
    queue: String,
    patience: Duration,
    /// The duration of the quickest claim.
    quickest: Duration,
    /// The priorities of the jobs that were claimed.
    priorities: BTreeSet<i32>,
    /// Where claims that skip ahead begin, by the database's clock.
    since: Option<DateTime<Utc>>,
    /// When the next claim from the start of the queue is due.
    from_start: Instant,
}

impl ClaimCursor {
    /// A cursor for a queue. `store` should have its own connection.
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

    /// Sets how much longer than the quickest a claim must take to count as slow.
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
                    // A lower patience does not shorten the rest, because then a slow claim may be
                    // quick.
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
