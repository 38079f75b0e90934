//! How an attempt ended, and what becomes of its job.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use crate::{
    store::{AttemptError, ClaimedJob, Outcome, Report, append_error},
    task::default_backoff,
};
use chrono::Utc;

use super::{registry::Runnable, retry::jittered};

/// How long a task that this worker does not know costs no attempt: a roll-out may be in progress.
const UNKNOWN_GRACE: chrono::Duration = chrono::Duration::hours(1);

/// How long a job of an unknown task waits for a worker that knows it.
const UNKNOWN_PAUSE: Duration = Duration::from_mins(1);

const UNKNOWN: &str = "no worker knows this task";

/// How an attempt ended, before it is decided what becomes of the job.
pub(super) enum End {
    Completed,
    Failed {
        error: String,
        after: Option<Duration>,
    },
    Panicked {
        error: String,
    },
    GaveUp {
        error: String,
    },
    Snoozed {
        after: Duration,
    },
    Unknown,
    /// The worker stops, or lost its lease.
    Stopped,
    /// Somebody cancelled the job.
    Cancelled,
}

/// What becomes of the job, whose task may be unknown.
pub(super) fn judge(job: &ClaimedJob, task: Option<&dyn Runnable>, end: End) -> Report {
    let is_last = job.attempt >= job.max_attempts;
    let backoff = || jittered(task.map_or(UNKNOWN_PAUSE, |task| backoff(task, job.attempt)));
    // A panic is an error in the log already, and a task that is not yet known is none.
    let is_expected = matches!(end, End::Panicked { .. } | End::Unknown);
    let (outcome, error) = match end {
        End::Completed => (Outcome::Completed, None),
        End::Stopped => (Outcome::Release, None),
        End::Cancelled => (Outcome::Cancelled, None),
        End::Snoozed { after } => (Outcome::Snooze { after }, None),
        End::GaveUp { error } => (Outcome::Dead, Some(error)),
        End::Failed { error, .. } | End::Panicked { error } if is_last => {
            (Outcome::Dead, Some(error))
        }
        End::Panicked { error } => (Outcome::Retry { after: backoff() }, Some(error)),
        End::Failed { error, after } => (
            Outcome::Retry {
                after: after.unwrap_or_else(backoff),
            },
            Some(error),
        ),
        End::Unknown => match unknown_since(job) {
            None => (
                Outcome::Snooze {
                    after: jittered(UNKNOWN_PAUSE),
                },
                Some(UNKNOWN.to_owned()),
            ),
            Some(since) if Utc::now() - since < UNKNOWN_GRACE => (
                Outcome::Snooze {
                    after: jittered(UNKNOWN_PAUSE),
                },
                None,
            ),
            Some(_) if is_last => (Outcome::Dead, Some(UNKNOWN.to_owned())),
            Some(_) => (
                Outcome::Retry { after: backoff() },
                Some(UNKNOWN.to_owned()),
            ),
        },
    };
    let errors = error.map(|error| {
        if is_expected {
            tracing::warn!(error, "the attempt failed");
        } else {
            tracing::error!(error, "the attempt failed");
        }
        append_error(
            job.errors.as_deref(),
            AttemptError::new(job.attempt, Utc::now(), &error),
        )
    });
    Report {
        job_id: job.id,
        lease_number: job.lease_number,
        outcome,
        errors,
    }
}

/// What the task says, or as every task would wait if it panics over that.
fn backoff(task: &dyn Runnable, attempt: i32) -> Duration {
    let of_task = AssertUnwindSafe(|| task.backoff(attempt));
    catch_unwind(of_task).unwrap_or_else(|_| default_backoff(attempt))
}

/// When a worker first did not know this job's task.
fn unknown_since(job: &ClaimedJob) -> Option<chrono::DateTime<Utc>> {
    let errors: Vec<AttemptError> = serde_json::from_str(job.errors.as_deref()?).ok()?;
    errors
        .into_iter()
        .find(|error| error.error == UNKNOWN)
        .map(|error| error.at)
}
