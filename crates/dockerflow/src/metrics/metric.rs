//! A metric: its name, its meaning, and how it is recorded.

use ::metrics::{
    Counter, Histogram, Key, KeyName, Label, Level, Metadata, SharedString, Unit, with_recorder,
};

use super::is_on;

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);

/// A count or a measurement. Its name follows the conventions of Prometheus.
///
/// ```
/// use dockerflow::metrics::{Metric, Unit};
///
/// static MAILS: Metric = Metric::counter("mails_total", Unit::Count, &["kind"], "Mails that were sent");
///
/// MAILS.add(1, ["receipt".into()]);
/// ```
#[derive(Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// What its values are.
    pub unit: Unit,
    /// The names of its labels, which StatsD calls tags.
    pub labels: &'static [&'static str],
    /// What it means, on one line.
    pub description: &'static str,
}

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// It only rises, as long as its process lives.
    Counter,
    /// It rises and falls.
    Gauge,
    /// Many values, counted in buckets with these upper bounds.
    Histogram(&'static [f64]),
}

impl Metric {
    /// A metric that only rises.
    pub const fn counter(
        name: &'static str,
        unit: Unit,
        labels: &'static [&'static str],
        description: &'static str,
    ) -> Self {
        Self::new(name, Kind::Counter, unit, labels, description)
    }

    /// A metric that rises and falls.
    pub const fn gauge(
        name: &'static str,
        unit: Unit,
        labels: &'static [&'static str],
        description: &'static str,
    ) -> Self {
        Self::new(name, Kind::Gauge, unit, labels, description)
    }

    /// A metric of many values in seconds, with the upper bounds of its buckets.
    pub const fn histogram(
        name: &'static str,
        buckets: &'static [f64],
        labels: &'static [&'static str],
        description: &'static str,
    ) -> Self {
        let kind = Kind::Histogram(buckets);
        Self::new(name, kind, Unit::Seconds, labels, description)
    }

    const fn new(
        name: &'static str,
        kind: Kind,
        unit: Unit,
        labels: &'static [&'static str],
        description: &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            unit,
            labels,
            description,
        }
    }

    /// Adds to a counter. The values of the labels come in the order of their names.
    pub fn add<const LABELS: usize>(&self, amount: u64, values: [SharedString; LABELS]) {
        if is_on() {
            self.counter_of(values).increment(amount);
        }
    }

    /// Raises a counter to a value that was counted elsewhere.
    pub fn raise_to<const LABELS: usize>(&self, value: u64, values: [SharedString; LABELS]) {
        if is_on() {
            self.counter_of(values).absolute(value);
        }
    }

    /// Sets a gauge.
    pub fn set<const LABELS: usize>(&self, value: f64, values: [SharedString; LABELS]) {
        debug_assert_eq!(self.kind, Kind::Gauge, "{}", self.name);
        if is_on() {
            let key = self.key(values);
            with_recorder(|recorder| recorder.register_gauge(&key, &METADATA)).set(value);
        }
    }

    /// Adds a value to a histogram.
    pub fn observe<const LABELS: usize>(&self, value: f64, values: [SharedString; LABELS]) {
        if is_on() {
            self.histogram_of(values).record(value);
        }
    }

    /// The counter with these labels, for callers that keep it instead of looking it up each time.
    pub(crate) fn counter_of<const LABELS: usize>(
        &self,
        values: [SharedString; LABELS],
    ) -> Counter {
        debug_assert_eq!(self.kind, Kind::Counter, "{}", self.name);
        let key = self.key(values);
        with_recorder(|recorder| recorder.register_counter(&key, &METADATA))
    }

    /// The histogram with these labels.
    pub(crate) fn histogram_of<const LABELS: usize>(
        &self,
        values: [SharedString; LABELS],
    ) -> Histogram {
        debug_assert!(matches!(self.kind, Kind::Histogram(_)), "{}", self.name);
        let key = self.key(values);
        with_recorder(|recorder| recorder.register_histogram(&key, &METADATA))
    }

    fn key<const LABELS: usize>(&self, values: [SharedString; LABELS]) -> Key {
        debug_assert_eq!(self.labels.len(), LABELS, "{}", self.name);
        let labels = self.labels.iter().zip(values);
        let labels = labels.map(|(name, value)| Label::new(*name, value));
        Key::from_parts(self.name, labels.collect::<Vec<_>>())
    }

    pub(super) fn describe(&self) {
        let name = KeyName::from_const_str(self.name);
        let (unit, description) = (Some(self.unit), self.description.into());
        with_recorder(|recorder| match self.kind {
            Kind::Counter => recorder.describe_counter(name, unit, description),
            Kind::Gauge => recorder.describe_gauge(name, unit, description),
            Kind::Histogram(_) => recorder.describe_histogram(name, unit, description),
        });
    }
}
