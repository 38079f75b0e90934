//! What is raced.

mod enqueue;
mod execute;
mod web;

use crate::bench::{Bench, Size};

/// Sides that do the same work.
pub struct Case {
    pub name: &'static str,
    /// The work, in a sentence.
    pub what: &'static str,
    pub unit: Unit,
    pub sides: Vec<Side>,
    pub floors: Vec<Floor>,
}

/// One of them.
pub struct Side {
    pub name: &'static str,
    pub run: Run,
}

/// One run of a side: more is better.
pub type Run = Box<dyn Fn(&mut Bench) -> anyhow::Result<f64>>;

/// What a side has to reach: so many times what its peer does.
#[derive(Clone, Copy, Debug)]
pub struct Floor {
    pub side: &'static str,
    pub peer: &'static str,
    pub least: f64,
}

fn floor(side: &'static str, peer: &'static str, least: f64) -> Floor {
    Floor { side, peer, least }
}

/// What a figure counts.
#[derive(Clone, Copy, Debug)]
pub enum Unit {
    Jobs,
    Requests,
}

impl Unit {
    pub fn name(self) -> &'static str {
        match self {
            Self::Jobs => "jobs/s",
            Self::Requests => "requests/s",
        }
    }

    pub fn format(self, value: f64) -> String {
        format!("{} {}", thousands(value), self.name())
    }
}

/// `12345.6` as `12,346`.
pub fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub fn all(size: Size) -> Vec<Case> {
    let mut cases = execute::cases(size);
    cases.extend(enqueue::cases(size));
    cases.extend(web::cases(size));
    cases
}
