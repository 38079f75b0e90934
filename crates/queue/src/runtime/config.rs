//! How a worker works, and on what.

use std::time::Duration;

use bare_database::DatabaseUrl;

use super::{layers::Layered, registry::Tasks, schedules::Schedules};
use crate::settings::Queues;

/// How a worker works.
#[derive(Clone, Debug)]
pub(super) struct Config {
    /// The queues that it takes jobs from.
    pub(super) queues: Queues,
    /// For how long its jobs are its own after a heartbeat.
    pub(super) lease: Duration,
    /// For how long running jobs may go on when it stops.
    pub(super) grace: Duration,
    /// For how long completed jobs are kept.
    pub(super) retention: Duration,
    /// Which PostgreSQL tells it of new jobs, beside its own looking; `None`: it looks only.
    pub(super) listen_url: Option<DatabaseUrl>,
    /// What operators know it by.
    pub(super) hostname: String,
    /// What the jobs that its tasks enqueue are marked with.
    pub(super) version: String,
}

/// What a worker works on.
pub(super) struct Work {
    /// The tasks that it knows.
    pub(super) tasks: Tasks,
    /// What it enqueues by the clock.
    pub(super) schedules: Schedules,
    /// What its attempts pass.
    pub(super) layers: Layered,
}
