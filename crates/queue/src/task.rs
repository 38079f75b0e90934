//! Tasks: the contract between the code that enqueues a job and the code that runs it.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DbErr};
use serde::{Serialize, de::DeserializeOwned};

use crate::store::{Enqueued, NewJob};

/// The longest wait between two attempts.
const BACKOFF_LIMIT: Duration = Duration::from_hours(6);

/// A kind of work. The type that implements it is the payload; the worker has the code.
pub trait Task: Serialize + DeserializeOwned + Send + 'static {
    /// The task's name in the database. Renaming it strands the jobs that wait under the old one.
    const KIND: &'static str;

    /// The queue that its jobs wait in.
    const QUEUE: &'static str = "default";

    /// As with `nice`: 0 is normal, lower runs first.
    const PRIORITY: i32 = 0;

    /// A job is dead after this many failed attempts.
    const MAX_ATTEMPTS: i32 = 20;

    /// An attempt that takes longer is stopped and counts as failed.
    const TIMEOUT: Duration = Duration::from_mins(15);

    /// How long a job waits after its failed attempt number `attempt` (1 is the first), before a
    /// jitter of ± 20 %.
    fn backoff(attempt: i32) -> Duration {
        default_backoff(attempt)
    }

    /// A job of this task, with options to chain before it is enqueued.
    fn job(&self) -> NewJob {
        NewJob::new(self)
    }

    /// Enqueues a job. It exists if and only if the transaction that `db` belongs to commits.
    fn enqueue<C>(&self, db: &C) -> impl Future<Output = Result<Enqueued, DbErr>> + Send
    where
        C: ConnectionTrait,
    {
        let job = self.job();
        async move { job.enqueue(db).await }
    }
}

/// 15 s, doubled with each attempt, up to 6 h.
pub fn default_backoff(attempt: i32) -> Duration {
    let doublings = u32::try_from(attempt.clamp(1, 20) - 1).unwrap_or_default();
    Duration::from_secs(15 << doublings).min(BACKOFF_LIMIT)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Nothing;
    impl Task for Nothing {
        const KIND: &'static str = "nothing";
    }

    #[test]
    fn the_backoff_doubles_from_15_seconds_up_to_6_hours() {
        let seconds = |attempt| Nothing::backoff(attempt).as_secs();
        assert_eq!([1, 2, 3, 10].map(seconds), [15, 30, 60, 7680]);
        assert_eq!(
            [11, 12, 20, i32::MAX].map(seconds),
            [15_360, 21_600, 21_600, 21_600]
        );
    }
}
