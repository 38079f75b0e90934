//! Schedules: which jobs are enqueued by the clock, and when.

use chrono::{DateTime, Utc};
use croner::{
    Cron,
    errors::CronError,
    parser::{CronParser, Seconds},
};
use jiff::{SignedDuration, Timestamp, Zoned, tz::TimeZone};
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
    /// Its pattern matches no date, such as February 30.
    #[error("the schedule {name} would never fire")]
    Never {
        /// The schedule.
        name: &'static str,
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
    /// Whether the pattern names times of the day. Each fires once a day, also when clocks change. Other
    /// patterns are intervals, which fire as time passes.
    is_fixed: bool,
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
    ///
    /// A time that is skipped when clocks change fires an hour later, and one that occurs twice fires the
    /// first time. A pattern with `*` in hour, minute or second is an interval, which clocks do not affect.
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
        let schedule = Schedule {
            name,
            cron,
            is_fixed: is_fixed(pattern),
            zone,
            job: Box::new(job),
        };
        if schedule.next(Utc::now()).is_none() {
            return Err(ScheduleError::Never { name });
        }
        self.0.push(schedule);
        Ok(self)
    }

    /// When a schedule fires next after a time, and the job of that tick.
    #[cfg(feature = "testing")]
    pub(crate) fn next_tick(
        &self,
        name: &str,
        after: DateTime<Utc>,
    ) -> Option<(DateTime<Utc>, NewJob)> {
        let schedule = self.0.iter().find(|schedule| schedule.name == name)?;
        let tick = schedule.next(after)?;
        Some((tick, (schedule.job)(tick)))
    }
}

impl Schedule {
    pub(super) fn next(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = self.local(after)?;
        if !self.is_fixed {
            return to_utc(&self.cron.find_next_occurrence(&local, false).ok()?);
        }
        let mut clock = clock(&local, -LONGEST_CHANGE)?;
        loop {
            clock = self.cron.find_next_occurrence(&clock, false).ok()?;
            let tick = self.at(&clock)?;
            if tick > after {
                return Some(tick);
            }
        }
    }

    fn previous(&self, until: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = self.local(until)?;
        if !self.is_fixed {
            return to_utc(&self.cron.find_previous_occurrence(&local, true).ok()?);
        }
        let mut clock = clock(&local, LONGEST_CHANGE)?;
        loop {
            clock = self.cron.find_previous_occurrence(&clock, false).ok()?;
            let tick = self.at(&clock)?;
            if tick <= until {
                return Some(tick);
            }
        }
    }

    /// When the clocks of the schedule's zone show this time: the first time if they show it twice, and
    /// later by the change if they skip it.
    fn at(&self, clock: &Zoned) -> Option<DateTime<Utc>> {
        to_utc(&self.zone.to_zoned(clock.datetime()).ok()?)
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

/// More than clocks are ever put forward or back.
const LONGEST_CHANGE: SignedDuration = SignedDuration::from_hours(3);

/// Whether no field of the time of day is open.
fn is_fixed(pattern: &str) -> bool {
    let fields: Vec<&str> = pattern.split_whitespace().collect();
    let time = match fields.len() {
        5 => &fields[..2],
        6 => &fields[..3],
        _ => return false,
    };
    time.iter().all(|field| !field.contains(['*', '?']))
}

/// What a clock in the zone of `time` shows, moved by `change`, on a clock that nobody changes.
fn clock(time: &Zoned, change: SignedDuration) -> Option<Zoned> {
    let shown = time.datetime().checked_add(change).ok()?;
    shown.to_zoned(TimeZone::UTC).ok()
}

/// A tick is always a whole second.
fn to_utc(tick: &Zoned) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(tick.timestamp().as_second(), 0)
}

#[cfg(test)]
mod tests {
    use chrono::{TimeZone, Timelike};

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

    /// The ticks of a day in Berlin, in UTC: hours and minutes.
    fn ticks(pattern: &str, month: u32, day: u32) -> Vec<(u32, u32)> {
        let schedule = schedule(pattern, "Europe/Berlin");
        let start = Utc
            .with_ymd_and_hms(2026, month, day - 1, 22, 0, 0)
            .unwrap();
        let mut ticks = Vec::new();
        let mut tick = schedule.next(start);
        while let Some(time) = tick.filter(|time| *time < start + chrono::Duration::hours(25)) {
            assert_eq!(schedule.previous(time), Some(time));
            ticks.push((time.hour(), time.minute()));
            tick = schedule.next(time);
        }
        ticks
    }

    #[test]
    fn each_time_of_the_day_fires_once_when_clocks_change() {
        // On March 29 the hour from 2:00 is skipped; it would begin at 1:00 UTC.
        assert_eq!(ticks("30 2 * * *", 3, 29), [(1, 30)]);
        assert_eq!(ticks("15,45 2 * * *", 3, 29), [(1, 15), (1, 45)]);
        assert_eq!(ticks("0 1-3 * * *", 3, 29), [(0, 0), (1, 0)]);
        // On October 25 the hour from 2:00 comes twice, at 0:00 and 1:00 UTC.
        assert_eq!(ticks("30 2 * * *", 10, 25), [(0, 30)]);
        assert_eq!(ticks("15,45 2 * * *", 10, 25), [(0, 15), (0, 45)]);
        assert_eq!(ticks("0 1-3 * * *", 10, 25), [(23, 0), (0, 0), (2, 0)]);
    }

    #[test]
    fn an_interval_goes_on_when_clocks_change() {
        for (month, day) in [(3, 29), (10, 25)] {
            let every_half_hour = ticks("*/30 * * * *", month, day);
            assert_eq!(every_half_hour.len(), 49, "{every_half_hour:?}");
        }
    }

    #[test]
    fn a_pattern_that_matches_no_date_is_an_error() {
        let never = Schedules::new().add("x", "0 0 30 2 *", "UTC", |_| unreachable!());
        assert!(matches!(never, Err(ScheduleError::Never { .. })));
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
