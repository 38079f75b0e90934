//! Finishing: stores the outcomes of attempts, many at a time.

mod postgres;
mod sqlite;

use std::time::Duration;

use sea_orm::DbErr;
use uuid::Uuid;

use super::JobStore;
use crate::JobState;

/// The outcome of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The task succeeded.
    Completed,
    /// It failed for good.
    Dead,
    /// It was cancelled.
    Cancelled,
    /// It failed and is tried again.
    Retry {
        /// After this time.
        after: Duration,
    },
    /// It asked to run later, which costs no attempt.
    Snooze {
        /// After this time.
        after: Duration,
    },
    /// It goes back unchanged, which costs no attempt: its worker stops, or never began it.
    Release,
}

/// The outcome of an attempt, under the lease that it ran on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The job's id.
    pub job_id: Uuid,
    /// The lease number of the claim.
    pub lease_number: i32,
    /// The attempt's outcome.
    pub outcome: Outcome,
    /// All the job's errors as JSON ([`super::append_error`]), if this attempt added one.
    pub errors: Option<String>,
}

/// Whether a report was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The outcome is stored, by this report or by the same one earlier.
    Taken,
    /// The lease is over: the job was rescued and belongs to another attempt. Nothing was changed.
    Refused,
}

impl Report {
    fn lease(&self) -> (Uuid, i32) {
        (self.job_id, self.lease_number)
    }
}

impl Outcome {
    /// The names of the outcomes in logs and metrics.
    pub const NAMES: [&str; 6] = [
        "completed",
        "dead",
        "cancelled",
        "retry",
        "snooze",
        "release",
    ];

    /// Its name, one of [`NAMES`](Self::NAMES).
    pub fn name(self) -> &'static str {
        let [completed, dead, cancelled, retry, snooze, release] = Self::NAMES;
        match self {
            Self::Completed => completed,
            Self::Dead => dead,
            Self::Cancelled => cancelled,
            Self::Retry { .. } => retry,
            Self::Snooze { .. } => snooze,
            Self::Release => release,
        }
    }

    fn end(self) -> Option<JobState> {
        match self {
            Self::Completed => Some(JobState::Completed),
            Self::Dead => Some(JobState::Dead),
            Self::Cancelled => Some(JobState::Cancelled),
            Self::Retry { .. } | Self::Snooze { .. } | Self::Release => None,
        }
    }

    /// How long the job waits. `None`: it keeps its place.
    fn delay(self) -> Option<Duration> {
        match self {
            Self::Retry { after } | Self::Snooze { after } => Some(after),
            _ => None,
        }
    }

    fn costs_an_attempt(self) -> bool {
        !matches!(self, Self::Snooze { .. } | Self::Release)
    }
}

impl JobStore {
    /// Stores the outcomes of attempts, and returns a verdict for each, in the same order.
    ///
    /// It is safe to send reports again if this failed or the answer was lost.
    pub async fn finish(&self, reports: &[Report]) -> Result<Vec<Verdict>, DbErr> {
        let refused = if self.is_sqlite() {
            self.finish_sqlite(reports).await?
        } else {
            self.finish_postgres(reports).await?
        };
        Ok(reports
            .iter()
            .map(|report| {
                if refused.contains(&report.lease()) {
                    Verdict::Refused
                } else {
                    Verdict::Taken
                }
            })
            .collect())
    }
}
