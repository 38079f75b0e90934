//! What is raced.

mod builds;
mod claim;
mod enqueue;
mod execute;
mod footprint;
mod full_tables;
mod large_body;
mod latency;
mod long_readers;
mod sqlite;
mod web;
mod workers;

use std::fmt;

use crate::bench::{Bench, Size};

/// Sides that do the same work.
pub struct Case {
    pub name: &'static str,
    /// The work, in a sentence.
    pub what: &'static str,
    pub unit: Unit,
    pub effort: Effort,
    pub rounds: Rounds,
    pub sides: Vec<Side>,
    pub floors: Vec<Floor>,
}

/// How often each side runs, beside how often it is asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounds {
    /// Once, without a warm-up: it takes minutes, or is always the same.
    One,
    /// As often as asked.
    AsAsked,
    /// Three times as often: a run is over in two seconds, and they may be a bad moment of the machine.
    Thrice,
}

impl Rounds {
    pub fn count(self, asked: usize) -> usize {
        match self {
            Self::One => 1,
            Self::AsAsked => asked,
            Self::Thrice => 3 * asked,
        }
    }
}

/// How long a case takes, which decides when it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Always.
    Short,
    /// When it is asked for, and with little work always.
    Long,
    /// When it is asked for: it knows no little work.
    Builds,
}

/// One of them.
pub struct Side {
    /// What its run yields, a name for each figure.
    pub figures: Vec<&'static str>,
    pub run: Run<Vec<f64>>,
}

/// One run of a side.
pub type Run<T = f64> = Box<dyn Fn(&mut Bench) -> anyhow::Result<T>>;

impl Case {
    fn new(name: &'static str, what: &'static str, unit: Unit) -> Self {
        Self {
            name,
            what,
            unit,
            effort: Effort::Short,
            rounds: Rounds::AsAsked,
            sides: Vec::new(),
            floors: Vec::new(),
        }
    }

    fn effort(self, effort: Effort) -> Self {
        Self { effort, ..self }
    }

    fn once(self) -> Self {
        Self {
            rounds: Rounds::One,
            ..self
        }
    }

    fn thrice(self) -> Self {
        Self {
            rounds: Rounds::Thrice,
            ..self
        }
    }

    /// With a side more, whose run yields one figure.
    fn side(self, name: &'static str, run: Run) -> Self {
        self.figures([name], Box::new(move |bench| Ok([run(bench)?])))
    }

    /// With a side more, whose run yields several figures.
    fn figures<const N: usize>(mut self, names: [&'static str; N], run: Run<[f64; N]>) -> Self {
        self.sides.push(Side {
            figures: names.to_vec(),
            run: Box::new(move |bench| Ok(run(bench)?.to_vec())),
        });
        self
    }

    /// With something more that is asked of it.
    fn floor(mut self, floor: Floor) -> Self {
        self.floors.push(floor);
        self
    }
}

/// What a figure has to reach, or must not exceed: a value, or so many times what its peer does.
#[derive(Clone, Copy, Debug)]
pub struct Floor {
    pub figure: &'static str,
    pub peer: Option<&'static str>,
    pub bound: Bound,
}

#[derive(Clone, Copy, Debug)]
pub enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

fn at_least(figure: &'static str, value: f64) -> Floor {
    Floor {
        figure,
        peer: None,
        bound: Bound::AtLeast(value),
    }
}

fn at_most(figure: &'static str, value: f64) -> Floor {
    Floor {
        figure,
        peer: None,
        bound: Bound::AtMost(value),
    }
}

impl Floor {
    /// The bound counts in what the peer does.
    fn times(self, peer: &'static str) -> Self {
        Self {
            peer: Some(peer),
            ..self
        }
    }
}

impl fmt::Display for Floor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.peer {
            Some(peer) => write!(f, "{} / {peer}", self.figure),
            None => f.write_str(self.figure),
        }
    }
}

impl Bound {
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, "at least {}", number(*least)),
            Self::AtMost(most) => write!(f, "at most {}", number(*most)),
        }
    }
}

/// What a figure counts.
#[derive(Clone, Copy, Debug)]
pub enum Unit {
    Jobs,
    Requests,
    Milliseconds,
    Seconds,
    Megabytes,
    Connections,
}

impl Unit {
    pub fn name(self) -> &'static str {
        match self {
            Self::Jobs => "jobs/s",
            Self::Requests => "requests/s",
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
            Self::Megabytes => "MB",
            Self::Connections => "connections",
        }
    }

    pub fn format(self, value: f64) -> String {
        format!("{} {}", number(value), self.name())
    }
}

/// `12345.6` as `12,346`, and `1.234` as `1.23`.
pub fn number(value: f64) -> String {
    let decimals = match value {
        _ if value.fract() == 0.0 || value >= 100.0 => 0,
        10.0.. => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    let whole = text.find('.').unwrap_or(text.len());
    let mut grouped = String::new();
    for (index, digit) in text.char_indices() {
        if index > 0 && index < whole && (whole - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The figure that 50 or 99 in a hundred are not above.
fn percentile(values: &[f64], per_cent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let index = (sorted.len() * per_cent).div_ceil(100).saturating_sub(1);
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

pub fn all(size: Size) -> Vec<Case> {
    let mut cases = execute::cases(size);
    cases.push(workers::case(size));
    cases.push(latency::case(size));
    cases.extend(claim::cases(size));
    cases.extend(full_tables::cases(size));
    cases.push(long_readers::case(size));
    cases.push(sqlite::case(size));
    cases.extend(enqueue::cases(size));
    cases.extend(web::cases(size));
    cases.push(large_body::case(size));
    cases.extend(footprint::cases(size));
    cases.extend(builds::cases());
    cases
}
