//! What a task says when it does not succeed.

use std::time::Duration;

/// How an attempt failed, and what is to become of its job.
///
/// Every error converts into [`TaskError::Retry`], so that `?` means: try again later. The text of
/// an error is kept with the job and logged: it must not hold an address or another secret.
#[derive(Debug)]
pub enum TaskError {
    /// Try again after the task's backoff; dead after its last attempt.
    Retry(anyhow::Error),
    /// The same, after this long.
    RetryAfter(Duration, anyhow::Error),
    /// Run it again after this long. This is no failure and costs no attempt.
    Snooze(Duration),
    /// It will never succeed: it is dead at once.
    GiveUp(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for TaskError {
    fn from(error: E) -> Self {
        Self::Retry(error.into())
    }
}
