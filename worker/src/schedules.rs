//! What runs by the clock. A new schedule is a line here; one that is taken out stops.

use bare_queue::{ScheduleError, Schedules};

/// The schedules of this service, such as
/// `.add("report", "0 6 * * 1", "Europe/Berlin", |tick| SendReport { until: tick }.job())?`.
pub fn all() -> Result<Schedules, ScheduleError> {
    Ok(Schedules::new())
}
