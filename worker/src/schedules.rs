//! What runs by the clock. A new schedule is a line here; one that is taken out stops.

use db::{jobs::Task, tasks::PruneFinishedJobs};

use crate::queue::{ScheduleError, Schedules};

/// The schedules of this service.
pub fn all() -> Result<Schedules, ScheduleError> {
    Schedules::new().add("prune_finished_jobs", "0 * * * *", "UTC", |_| {
        PruneFinishedJobs {}.job()
    })
}
