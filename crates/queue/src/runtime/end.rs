//! How an attempt ended, and what happens to its job.

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

/// For this long an unknown task costs no attempt, because a rollout may be in progress.
const UNKNOWN_GRACE: chrono::Duration = chrono::Duration::hours(1);

/// How long a job of an unknown task waits until a worker tries again.
const UNKNOWN_PAUSE: Duration = Duration::from_mins(1);

const UNKNOWN: &str = "no worker knows this task";

/// How an attempt ended, from which [`judge`] decides what happens to the job.
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
    /// The job was cancelled.
    Cancelled,
}

/// Decides what happens to the job. Its task may be unknown.
pub(super) fn judge(job: &ClaimedJob, task: Option<&dyn Runnable>, end: End) -> Report {
    let is_last = job.attempt >= job.max_attempts;
    let backoff = || jittered(task.map_or(UNKNOWN_PAUSE, |task| backoff(task, job.attempt)));
    // A panic was already logged as an error, and an unknown task is not an error.
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

/// The task's backoff, or the default one if the task's panics.
fn backoff(task: &dyn Runnable, attempt: i32) -> Duration {
    let of_task = AssertUnwindSafe(|| task.backoff(attempt));
    catch_unwind(of_task).unwrap_or_else(|_| default_backoff(attempt))
}

/// When the job's task was first unknown to a worker.
fn unknown_since(job: &ClaimedJob) -> Option<chrono::DateTime<Utc>> {
    let errors: Vec<AttemptError> = serde_json::from_str(job.errors.as_deref()?).ok()?;
    errors
        .into_iter()
        .find(|error| error.error == UNKNOWN)
        .map(|error| error.at)
}
