//! A worker of the model.

use chrono::{DateTime, TimeDelta, Utc};

use super::LEASE;

/// Two heartbeats, which are 2 s apart under the model's lease.
const LONGEST_GAP: TimeDelta = TimeDelta::seconds(4);

/// A registered worker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Worker {
    /// The end of its lease.
    pub(super) until: DateTime<Utc>,
    renewed_at: DateTime<Utc>,
    steady_since: DateTime<Utc>,
}

impl Worker {
    /// A worker whose lease was just renewed.
    pub(super) fn renewed(now: DateTime<Utc>, steady_since: DateTime<Utc>) -> Self {
        Self {
            until: now + LEASE,
            renewed_at: now,
            steady_since,
        }
    }
}

/// Since when the heartbeats of these workers have had no gap until `now`.
pub(super) fn steady_since<'a>(
    workers: impl Iterator<Item = &'a Worker>,
    now: DateTime<Utc>,
) -> DateTime<Utc> {
    let recent = workers.filter(|worker| now - worker.renewed_at <= LONGEST_GAP);
    recent
        .map(|worker| worker.steady_since)
        .min()
        .unwrap_or(now)
}
