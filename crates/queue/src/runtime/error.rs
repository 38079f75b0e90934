//! The errors of tasks.

use std::time::Duration;

/// Why an attempt did not succeed, and what to do with its job.
///
/// Every error converts into [`TaskError::Retry`], so `?` means: try again later. The text of an
/// error is logged and kept with the job, so it must not contain an e-mail address or a secret.
#[derive(Debug)]
pub enum TaskError {
    /// Try again after the task's backoff. After the last attempt the job is dead.
    Retry(anyhow::Error),
    /// The same, after this time.
    RetryAfter(Duration, anyhow::Error),
    /// Run it again after this time. This is not a failure and costs no attempt.
    Snooze(Duration),
    /// It will never succeed, so the job is dead at once.
    GiveUp(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for TaskError {
    fn from(error: E) -> Self {
        Self::Retry(error.into())
    }
}
