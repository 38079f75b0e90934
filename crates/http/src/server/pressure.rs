//! Logs and counts connections that came when all were taken.

use std::time::{Duration, Instant};

use dockerflow::metrics::{Metric, Unit};

/// How often it is logged at most.
const SAY_EVERY: Duration = Duration::from_secs(1);

pub(crate) static CONNECTIONS_OVER_LIMIT: Metric = Metric::counter(
    "http_connections_over_limit_total",
    Unit::Count,
    &["outcome"],
    "Connections that came while all were taken, by outcome: `replaced` the longest idle one, or `refused`",
);

/// Connections that came while all were taken, since the last log line.
#[derive(Debug, Default)]
pub(super) struct Pressure {
    replaced: u64,
    refused: u64,
    said: Option<Instant>,
}

impl Pressure {
    /// Sets the metric to 0.
    pub(super) fn new() -> Self {
        for outcome in ["replaced", "refused"] {
            CONNECTIONS_OVER_LIMIT.add(0, [outcome.into()]);
        }
        Self::default()
    }

    /// A connection replaced an idle one.
    pub(super) fn replaced(&mut self) {
        self.replaced += 1;
        self.tell("replaced");
    }

    /// A connection was refused.
    pub(super) fn refused(&mut self) {
        self.refused += 1;
        self.tell("refused");
    }

    fn tell(&mut self, outcome: &'static str) {
        CONNECTIONS_OVER_LIMIT.add(1, [outcome.into()]);
        if self.said.is_none_or(|said| said.elapsed() >= SAY_EVERY) {
            tracing::warn!(
                replaced = self.replaced,
                refused = self.refused,
                "all connections are taken: idle ones are closed, and the rest is refused"
            );
            *self = Self {
                said: Some(Instant::now()),
                ..Self::default()
            };
        }
    }
}
