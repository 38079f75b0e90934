//! Jobs that are enqueued at fixed times. Add a line here for a new schedule. A schedule that you remove stops.

use bare_queue::{ScheduleError, Schedules};

/// The schedules of this service, such as
/// `.add("report", "0 6 * * 1", "Europe/Berlin", |tick| SendReport { until: tick }.job())?`.
pub fn all() -> Result<Schedules, ScheduleError> {
    Ok(Schedules::new())
}
