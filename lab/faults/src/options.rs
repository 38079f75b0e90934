//! The command line.

use std::time::Duration;

use conf::Conf;

use crate::kind::{Kind, Kinds};

/// A run of at least this length is a long one, with long outages.
const LONG_MINUTES: f64 = 10.0;

/// Breaks a running service at random and checks that it keeps its promises
#[derive(Conf, Debug)]
#[conf(name = "cargo faults")]
pub(crate) struct Options {
    /// For how many minutes faults are caused [default: 2, or without end under `--kills`]
    #[conf(long)]
    minutes: Option<f64>,

    /// How many users order in a second
    #[conf(long, default_value = "50")]
    pub(crate) rate: u32,

    /// How many workers there are
    #[conf(long, default_value = "2")]
    workers: usize,

    /// Tries something else: one schedule on two workers, one of which is stopped for a while
    #[conf(long)]
    pub(crate) schedule: bool,

    /// Tries something else: a service on SQLite whose disk is full for a while
    #[conf(long)]
    pub(crate) disk: bool,

    /// Which faults are caused: some of
    /// `kill,term,terminate,restart,outage,stop,poison,web,leave,freeze,lock,clock,idle,readonly,defaults,roll`
    /// [default: all in runs of 10 minutes or more, else the first ten]
    #[conf(long)]
    only: Option<Kinds>,

    /// Ends the run after so many kills of workers
    #[conf(long)]
    pub(crate) kills: Option<usize>,

    /// How many seconds lie between two faults on average
    #[conf(long, default_value = "6")]
    pub(crate) pause: f64,

    /// For how many seconds an outage lasts [default: 60 in runs of 10 minutes or more, else 5]
    #[conf(long)]
    outage: Option<u64>,

    /// What chance begins with, to have the same faults in the same order again [default: any]
    #[conf(long)]
    seed: Option<u64>,
}

impl Options {
    /// How long faults are caused.
    pub(crate) fn length(&self) -> Duration {
        let minutes = self.minutes.or(self.kills.is_none().then_some(2.0));
        let length = minutes.map(|minutes| Duration::try_from_secs_f64(minutes * 60.0));
        length.and_then(Result::ok).unwrap_or(Duration::MAX)
    }

    /// How many workers there are, at least one.
    pub(crate) fn workers(&self) -> usize {
        self.workers.max(1)
    }

    pub(crate) fn kinds(&self) -> Vec<Kind> {
        let only = self.only.as_ref().map(|kinds| kinds.0.clone());
        only.unwrap_or_else(|| {
            if self.is_long() {
                Kind::ALL.to_vec()
            } else {
                Kind::SHORT.to_vec()
            }
        })
    }

    pub(crate) fn outage(&self) -> Duration {
        let default = if self.is_long() { 60 } else { 5 };
        Duration::from_secs(self.outage.unwrap_or(default))
    }

    fn is_long(&self) -> bool {
        self.minutes.is_some_and(|minutes| minutes >= LONG_MINUTES)
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
            .unwrap_or_else(|| rand::random_range(0..1_000_000))
    }
}
