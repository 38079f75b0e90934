//! Records what was broken, when, and which processes were hit.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use crate::kind::Kind;

/// A fault that was caused.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    pub(crate) from: Instant,
    pub(crate) until: Instant,
    /// The processes that it hit, by the names of their starts. Faults of the database hit all
    /// processes that use it.
    pub(crate) victims: Vec<String>,
}

impl Fault {
    /// Whether it, or its consequences within `aftermath`, happened at some moment of this time.
    pub(crate) fn is_felt(&self, aftermath: Duration, from: Instant, until: Instant) -> bool {
        self.from <= until && self.until + aftermath >= from
    }
}

/// The log of a run.
#[derive(Debug)]
pub(crate) struct Journal {
    start: Instant,
    faults: Mutex<Vec<Fault>>,
    broken: Mutex<Vec<String>>,
}

impl Journal {
    pub(crate) fn start() -> Self {
        Self {
            start: Instant::now(),
            faults: Mutex::default(),
            broken: Mutex::default(),
        }
    }

    /// A moment in the form of the log.
    pub(crate) fn time(&self, at: Instant) -> String {
        let seconds = at.saturating_duration_since(self.start).as_secs_f64();
        format!("{seconds:8.1} s")
    }

    /// Prints a line.
    pub(crate) fn say(&self, text: &str) {
        println!("{}  {text}", self.time(Instant::now()));
    }

    /// Records a fault that is over, and prints it.
    pub(crate) fn record(&self, fault: Fault, note: &str) {
        let took = fault.until.duration_since(fault.from);
        let took = if took < Duration::from_secs(1) {
            String::new()
        } else {
            format!(" for {:.1} s", took.as_secs_f64())
        };
        println!("{}  {:9}  {note}{took}", self.time(fault.from), fault.kind);
        self.faults.lock().unwrap().push(fault);
    }

    /// Records that a promise about the processes was broken.
    pub(crate) fn broke(&self, what: String) {
        self.say(&format!("BROKEN     {what}"));
        self.broken.lock().unwrap().push(what);
    }

    pub(crate) fn faults(&self) -> Vec<Fault> {
        self.faults.lock().unwrap().clone()
    }

    pub(crate) fn broken(&self) -> Vec<String> {
        self.broken.lock().unwrap().clone()
    }
}
