//! A job of the model.

use std::time::Duration;

use bare_queue::{
    JobState,
    entities::{finished_job, job},
    testing::{DEATHS_ALLOWED, Outcome},
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A job, in the model or read from its row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Job {
    pub(super) state: JobState,
    pub(super) attempt: i32,
    pub(super) lease_number: i32,
    pub(super) deaths: i32,
    pub(super) worker: Option<Uuid>,
    pub(super) priority: i32,
    pub(super) run_at: DateTime<Utc>,
    pub(super) key: Option<String>,
}

impl Job {
    pub(super) fn is_unfinished(&self) -> bool {
        use JobState::{Available, Running, Scheduled};
        matches!(self.state, Scheduled | Available | Running)
    }

    pub(super) fn runs_under(&self, worker: Uuid) -> bool {
        self.state == JobState::Running && self.worker == Some(worker)
    }

    /// It goes back or ends.
    pub(super) fn leave(&mut self, state: JobState, attempt_is_charged: bool) {
        self.state = state;
        self.worker = None;
        self.attempt -= i32::from(!attempt_is_charged);
    }

    /// An attempt ends at `now`.
    pub(super) fn finish(&mut self, outcome: Outcome, now: DateTime<Utc>) {
        match outcome {
            Outcome::Completed => self.leave(JobState::Completed, true),
            Outcome::Dead => self.leave(JobState::Dead, true),
            Outcome::Cancelled => self.leave(JobState::Cancelled, true),
            Outcome::Release => self.leave(JobState::Available, false),
            Outcome::Retry { after } | Outcome::Snooze { after } => {
                let state = if after.is_zero() {
                    JobState::Available
                } else {
                    JobState::Scheduled
                };
                self.leave(state, matches!(outcome, Outcome::Retry { .. }));
                self.run_at = now + after;
            }
        }
    }

    /// Its worker died. Returns whether the job may run again.
    pub(super) fn die(&mut self, now: DateTime<Utc>) -> bool {
        self.deaths += 1;
        self.lease_number += 1;
        match self.deaths {
            1 => self.leave(JobState::Available, false),
            DEATHS_ALLOWED => self.leave(JobState::Dead, false),
            deaths => {
                self.leave(JobState::Scheduled, false);
                self.run_at = now + Duration::from_secs(15) * 2_u32.pow(deaths.unsigned_abs() - 2);
            }
        }
        self.is_unfinished()
    }
}

impl From<job::Model> for Job {
    fn from(row: job::Model) -> Self {
        Self {
            state: row.state,
            attempt: row.attempt,
            lease_number: row.lease_number,
            deaths: row.deaths,
            worker: row.worker_id,
            priority: row.priority,
            run_at: row.run_at,
            key: row.unique_key,
        }
    }
}

impl From<finished_job::Model> for Job {
    fn from(row: finished_job::Model) -> Self {
        Self {
            state: row.state,
            attempt: row.attempt,
            lease_number: row.lease_number,
            deaths: row.deaths,
            worker: None,
            priority: row.priority,
            run_at: row.run_at,
            key: row.unique_key,
        }
    }
}
