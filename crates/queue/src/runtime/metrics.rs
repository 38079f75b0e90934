//! The metrics of the queue.

use std::time::Duration;

use crate::store::Outcome;
use chrono::TimeDelta;
use dockerflow::metrics::{Metric, SharedString, Unit};

use super::{config::Config, registry::Tasks};

/// From milliseconds to the default timeout of a task.
const BUCKETS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0,
];

pub(super) static CLAIMED: Metric = Metric::counter(
    "job_claimed_total",
    Unit::Count,
    &["queue"],
    "Jobs that this worker claimed",
);

static ATTEMPTS: Metric = Metric::counter(
    "job_attempts_total",
    Unit::Count,
    &["kind", "outcome"],
    "Attempts that ended, by outcome: `completed`, `retry`, `snooze`, `release`, `dead`, `cancelled`",
);

static ATTEMPT_DURATION: Metric = Metric::histogram(
    "job_attempt_duration_seconds",
    BUCKETS,
    &["kind"],
    "How long an attempt took",
);

static WAIT: Metric = Metric::histogram(
    "job_wait_seconds",
    BUCKETS,
    &["kind"],
    "How long a job waited after it was due",
);

pub(super) static RESCUED: Metric = Metric::counter(
    "job_rescued_total",
    Unit::Count,
    &["outcome"],
    "Jobs that this worker rescued from dead workers, by outcome: `requeued` or `dead`",
);

pub(super) static JOBS: Metric = Metric::gauge(
    "queue_jobs",
    Unit::Count,
    &["queue", "state"],
    "Jobs in the database, by state: `scheduled`, `available`, `running`, `dead`",
);

pub(super) static OLDEST_JOB_AGE: Metric = Metric::gauge(
    "queue_oldest_job_age_seconds",
    Unit::Seconds,
    &["queue"],
    "How long the oldest available job has waited; 0 if there is none",
);

pub(super) static WORKERS: Metric = Metric::gauge(
    "queue_workers",
    Unit::Count,
    &["queue"],
    "Live workers that claim from a queue",
);

pub(super) static LISTENER_UP: Metric = Metric::gauge(
    "queue_listener_up",
    Unit::Count,
    &[],
    "Whether PostgreSQL notifies this worker of new jobs: 1, or 0 while the worker only polls",
);

/// The metrics of a worker.
pub static METRICS: [&Metric; 9] = [
    &CLAIMED,
    &ATTEMPTS,
    &ATTEMPT_DURATION,
    &WAIT,
    &RESCUED,
    &JOBS,
    &OLDEST_JOB_AGE,
    &WORKERS,
    &LISTENER_UP,
];

/// The `kind` of jobs whose task this worker does not know.
const UNKNOWN_KIND: &str = "unknown";

/// Starts the counters at 0. If a counter appeared with its first event, Prometheus would not see
/// it rise.
pub(super) fn start(config: &Config, tasks: &Tasks) {
    for queue in &config.queues.0 {
        CLAIMED.add(0, [queue.name.clone().into()]);
    }
    for kind in tasks.kinds().chain([UNKNOWN_KIND]) {
        for outcome in Outcome::NAMES {
            ATTEMPTS.add(0, [kind.into(), outcome.into()]);
        }
    }
    for outcome in ["requeued", "dead"] {
        RESCUED.add(0, [outcome.into()]);
    }
}

/// Counts an attempt that ended. `kind` is `None` if this worker does not know the task.
pub(super) fn ended(
    kind: Option<&'static str>,
    outcome: Outcome,
    took: Duration,
    waited: TimeDelta,
) {
    let kind = SharedString::const_str(kind.unwrap_or(UNKNOWN_KIND));
    ATTEMPTS.add(1, [kind.clone(), outcome.name().into()]);
    ATTEMPT_DURATION.observe(took.as_secs_f64(), [kind.clone()]);
    WAIT.observe(waited.as_seconds_f64().max(0.0), [kind]);
}
