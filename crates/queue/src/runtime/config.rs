//! The configuration of a worker, and the code that it runs.

use std::time::Duration;

use bare_database::DatabaseUrl;

use super::{layers::Layered, registry::Tasks, schedules::Schedules};
use crate::settings::Queues;

/// The configuration of a worker.
#[derive(Clone, Debug)]
pub(super) struct Config {
    /// The queues that it claims from.
    pub(super) queues: Queues,
    /// How long it keeps its jobs after a heartbeat.
    pub(super) lease: Duration,
    /// How long running jobs may continue when it stops.
    pub(super) grace: Duration,
    /// How long completed jobs are kept.
    pub(super) retention: Duration,
    /// The PostgreSQL that notifies it of new jobs. `None`: it only polls.
    pub(super) listen_url: Option<DatabaseUrl>,
    /// Its name for operators.
    pub(super) hostname: String,
    /// The version that is stored with the jobs that its tasks enqueue.
    pub(super) version: String,
}

/// The code that a worker runs.
pub(super) struct Work {
    /// The tasks that it knows.
    pub(super) tasks: Tasks,
    /// The schedules whose jobs it enqueues.
    pub(super) schedules: Schedules,
    /// The layers around its attempts.
    pub(super) layers: Layered,
}
