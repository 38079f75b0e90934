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

/// Of the missed ticks that are older than this, only the last is enqueued.
const LATENESS: chrono::Duration = chrono::Duration::seconds(60);

/// What is wrong with a schedule.
#[derive(Debug, Error)]
pub enum ScheduleError {
    /// Its cron pattern is invalid.
    #[error("the schedule {name} has an invalid cron pattern")]
    Pattern {
        /// The schedule.
        name: &'static str,
        /// The error of the parser.
        #[source]
        source: CronError,
    },
    /// There is no such time zone.
    #[error("the schedule {name} has an unknown time zone")]
    TimeZone {
        /// The schedule.
        name: &'static str,
        /// The error of the time zone database.
        #[source]
        source: jiff::Error,
    },
    /// Two schedules have the same name.
    #[error("two schedules have the name {name}")]
    Twice {
        /// Their name.
        name: &'static str,
    },
}

/// The schedules of a worker.
#[derive(Default)]
pub struct Schedules(pub(super) Vec<Schedule>);

pub(super) struct Schedule {
    pub(super) name: &'static str,
    cron: Cron,
    zone: TimeZone,
    pub(super) job: Box<dyn Fn(DateTime<Utc>) -> NewJob + Send + Sync>,
}

impl Schedules {
    /// No schedules.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a schedule: its name, under which its last tick is stored; a cron pattern (`minute hour
    /// day month weekday`, or six fields with seconds first); an IANA time zone; and a tick's job.
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

    /// The time in the schedule's zone.
    fn local(&self, time: DateTime<Utc>) -> Option<Zoned> {
        let nanoseconds = i32::try_from(time.timestamp_subsec_nanos()).ok()?;
        let timestamp = Timestamp::new(time.timestamp(), nanoseconds).ok()?;
        Some(timestamp.to_zoned(self.zone.clone()))
    }

    /// The ticks that are due: all of the last minute, and only the last of the older ones.
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

/// A tick is always a whole second.
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
    fn every_tick_of_the_last_minute_fires() {
        let every_second = schedule("* * * * * *", "UTC");
        assert_eq!(
            every_second.due(at(12, 0, 0), at(12, 0, 3)),
            [1, 2, 3].map(|s| at(12, 0, s))
        );
    }

    #[test]
    fn only_the_last_of_the_older_ticks_fires() {
        let every_minute = schedule("* * * * *", "UTC");
        let due = every_minute.due(at(9, 0, 0), at(12, 0, 30));
        assert_eq!(due, [at(11, 59, 0), at(12, 0, 0)]);
    }

    #[test]
    fn a_tick_is_not_due_twice() {
        let hourly = schedule("0 * * * *", "UTC");
        assert!(hourly.due(at(12, 0, 0), at(12, 59, 59)).is_empty());
        assert_eq!(hourly.due(at(12, 0, 0), at(13, 0, 0)), [at(13, 0, 0)]);
    }

    #[test]
    fn a_schedule_follows_its_time_zone_when_clocks_change() {
        // On this day Berlin's clocks go from 1:59 to 3:00, at 1:00 UTC.
        let breakfast = schedule("0 8 * * *", "Europe/Berlin");
        assert_eq!(breakfast.next(at(0, 30, 0)), Some(at(6, 0, 0)));
    }

    #[test]
    fn a_wrong_pattern_or_zone_or_a_second_use_of_a_name_is_an_error() {
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
