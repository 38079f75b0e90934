//! Schedules: which jobs are enqueued by the clock, and when.

use chrono::{DateTime, Utc};
use croner::{
    Cron,
    errors::CronError,
    parser::{CronParser, Seconds},
};
use jiff::{Timestamp, Zoned, tz::TimeZone};
use thiserror::Error;

use crate::NewJob;

/// A tick that is older is no longer made up for singly: of those, only the last is enqueued.
const LATENESS: chrono::Duration = chrono::Duration::seconds(60);

/// What is wrong with a schedule.
#[derive(Debug, Error)]
pub enum ScheduleError {
    /// Its pattern is not one.
    #[error("the schedule {name} has no valid cron pattern")]
    Pattern {
        /// The schedule.
        name: &'static str,
        /// What the parser said.
        #[source]
        source: CronError,
    },
    /// There is no such time zone.
    #[error("the schedule {name} has an unknown time zone")]
    TimeZone {
        /// The schedule.
        name: &'static str,
        /// What the database of time zones said.
        #[source]
        source: jiff::Error,
    },
    /// Two have the same name.
    #[error("there are two schedules {name}")]
    Twice {
        /// The schedules.
        name: &'static str,
    },
}

/// What runs by the clock.
#[derive(Default)]
pub struct Schedules(pub(super) Vec<Schedule>);

pub(super) struct Schedule {
    pub(super) name: &'static str,
    cron: Cron,
    zone: TimeZone,
    pub(super) job: Box<dyn Fn(DateTime<Utc>) -> NewJob + Send + Sync>,
}

impl Schedules {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one: its name, which is its memory's too; a cron pattern (`minute hour day month weekday`, with
    /// seconds before them if there are six); a time zone by its IANA name; and the job of a tick.
    pub fn add(
        mut self,
        name: &'static str,
        pattern: &str,
        zone: &str,
        job: impl Fn(DateTime<Utc>) -> NewJob + Send + Sync + 'static,
    ) -> Result<Self, ScheduleError> {
        let parser = CronParser::builder().seconds(Seconds::Optional).build();
        let cron = parser
            .parse(pattern)
            .map_err(|source| ScheduleError::Pattern { name, source })?;
        let zone =
            TimeZone::get(zone).map_err(|source| ScheduleError::TimeZone { name, source })?;
        if self.0.iter().any(|schedule| schedule.name == name) {
            return Err(ScheduleError::Twice { name });
        }
        self.0.push(Schedule {
            name,
            cron,
            zone,
            job: Box::new(job),
        });
        Ok(self)
    }
}

impl Schedule {
    pub(super) fn next(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let after = self.local(after)?;
        to_utc(&self.cron.find_next_occurrence(&after, false).ok()?)
    }

    fn previous(&self, until: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let until = self.local(until)?;
        to_utc(&self.cron.find_previous_occurrence(&until, true).ok()?)
    }

    /// The time in its zone.
    fn local(&self, time: DateTime<Utc>) -> Option<Zoned> {
        let nanoseconds = i32::try_from(time.timestamp_subsec_nanos()).ok()?;
        let timestamp = Timestamp::new(time.timestamp(), nanoseconds).ok()?;
        Some(timestamp.to_zoned(self.zone.clone()))
    }

    /// The ticks that are due: those of the last minute singly, of older ones the last.
    pub(super) fn due(&self, last: DateTime<Utc>, now: DateTime<Utc>) -> Vec<DateTime<Utc>> {
        let recent = now - LATENESS;
        let mut due = Vec::new();
        if last < recent {
            due.extend(self.previous(recent).filter(|tick| *tick > last));
        }
        let mut tick = self.next(last.max(recent));
        while let Some(time) = tick.filter(|time| *time <= now) {
            due.push(time);
            tick = self.next(time);
        }
        due
    }
}

/// Of a tick, which is a whole second.
fn to_utc(tick: &Zoned) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(tick.timestamp().as_second(), 0)
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    fn schedule(pattern: &str, zone: &str) -> Schedule {
        let nothing = |_| unreachable!("no tick is enqueued here");
        let mut schedules = Schedules::new()
            .add("test", pattern, zone, nothing)
            .unwrap();
        schedules.0.remove(0)
    }

    fn at(hour: u32, minute: u32, second: u32) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 3, 29, hour, minute, second)
            .unwrap()
    }

    #[test]
    fn ticks_of_the_last_minute_fire_singly() {
        let every_second = schedule("* * * * * *", "UTC");
        assert_eq!(
            every_second.due(at(12, 0, 0), at(12, 0, 3)),
            [1, 2, 3].map(|s| at(12, 0, s))
        );
    }

    #[test]
    fn of_older_ticks_only_the_last_fires() {
        let every_minute = schedule("* * * * *", "UTC");
        let due = every_minute.due(at(9, 0, 0), at(12, 0, 30));
        assert_eq!(due, [at(11, 59, 0), at(12, 0, 0)]);
    }

    #[test]
    fn nothing_is_due_twice() {
        let hourly = schedule("0 * * * *", "UTC");
        assert!(hourly.due(at(12, 0, 0), at(12, 59, 59)).is_empty());
        assert_eq!(hourly.due(at(12, 0, 0), at(13, 0, 0)), [at(13, 0, 0)]);
    }

    #[test]
    fn the_hour_is_that_of_the_time_zone_also_when_clocks_change() {
        // In Berlin it is 1:59, then 3:00 on this day: at 1:00 UTC.
        let breakfast = schedule("0 8 * * *", "Europe/Berlin");
        assert_eq!(breakfast.next(at(0, 30, 0)), Some(at(6, 0, 0)));
    }

    #[test]
    fn a_wrong_pattern_zone_or_name_is_an_error() {
        let add = |pattern, zone| Schedules::new().add("x", pattern, zone, |_| unreachable!());
        assert!(matches!(
            add("61 * * * *", "UTC"),
            Err(ScheduleError::Pattern { .. })
        ));
        assert!(matches!(
            add("* * * * *", "Mars"),
            Err(ScheduleError::TimeZone { .. })
        ));
        let twice =
            add("* * * * *", "UTC")
                .unwrap()
                .add("x", "* * * * *", "UTC", |_| unreachable!());
        assert!(matches!(twice, Err(ScheduleError::Twice { .. })));
    }
}
