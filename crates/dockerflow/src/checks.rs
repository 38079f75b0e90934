//! Health checks and their report at `/__heartbeat__`, in the format of [python-dockerflow].
//!
//! [python-dockerflow]: https://python-dockerflow.readthedocs.io

mod level;
mod report;

use std::collections::BTreeMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::sync::Mutex;

pub use self::level::Level;
pub use self::report::{Detail, Report};
use crate::metrics::{self, CHECK_LEVEL};

/// How long a check may take before it counts as failed.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// How long a report is answered again.
const FRESH: Duration = Duration::from_secs(1);

/// How often [`Checks::watch`] runs them.
const WATCH_EVERY: Duration = Duration::from_secs(30);

/// One result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What it is, for a machine: the part of the service and a number, such as `db.0001`.
    pub id: &'static str,
    /// What it is, for a person. It is shown to operators only: see
    /// [`operators_routes`](crate::poem::operators_routes).
    pub message: String,
}

impl Finding {
    /// A finding of the given level.
    pub fn new(level: Level, id: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { level, id, message }
    }
}

type Findings = Pin<Box<dyn Future<Output = Vec<Finding>> + Send>>;
type Check = Arc<dyn Fn() -> Findings + Send + Sync>;

/// The checks of a service, by name. A clone shares them.
#[derive(Clone)]
pub struct Checks {
    by_name: Arc<BTreeMap<String, Check>>,
    timeout: Duration,
    answered: Arc<Mutex<Option<(Instant, Report)>>>,
}

impl Default for Checks {
    fn default() -> Self {
        Self {
            by_name: Arc::default(),
            timeout: TIMEOUT,
            answered: Arc::default(),
        }
    }
}

impl fmt::Debug for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_name.keys()).finish()
    }
}

impl Checks {
    /// No checks yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a check, or replaces the one of the same name. It returns no findings if all is well.
    pub fn register<F, Fut>(mut self, name: impl Into<String>, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Vec<Finding>> + Send + 'static,
    {
        let check: Check = Arc::new(move || check().boxed());
        Arc::make_mut(&mut self.by_name).insert(name.into(), check);
        self
    }

    /// Sets how long each check may take, instead of [`TIMEOUT`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Runs all checks at the same time. A check that panics or takes too long is an error in the
    /// report and does not affect the others.
    pub async fn run(&self) -> Report {
        let runs = self.by_name.iter().map(async |(name, check)| {
            let findings = run(check, self.timeout).await;
            (name.clone(), findings)
        });
        let report = Report::new(join_all(runs).await);
        for (name, level) in &report.checks {
            CHECK_LEVEL.set(level.number().into(), [name.clone().into()]);
        }
        report
    }

    /// The report of the last second. Clients that ask more often cost nothing more.
    pub async fn recent(&self) -> Report {
        // All that ask wait for the same run.
        let mut last = self.answered.lock().await;
        if let Some((at, report)) = &*last
            && at.elapsed() < FRESH
        {
            return report.clone();
        }
        let report = self.run().await;
        report.log_changes(last.as_ref().map(|(_, report)| report));
        *last = Some((Instant::now(), report.clone()));
        report
    }

    /// Runs the checks every 30 seconds if metrics are exported, so that their levels are up to
    /// date even if nothing asks for `/__heartbeat__`.
    pub fn watch(&self) {
        if metrics::is_on() {
            let checks = self.clone();
            tokio::spawn(async move {
                loop {
                    checks.recent().await;
                    tokio::time::sleep(WATCH_EVERY).await;
                }
            });
        }
    }
}

async fn run(check: &Check, timeout: Duration) -> Vec<Finding> {
    // The call is inside because a check may panic before it returns its future.
    let findings = AssertUnwindSafe(async { check().await }).catch_unwind();
    match tokio::time::timeout(timeout, findings).await {
        Ok(Ok(findings)) => findings,
        Ok(Err(_)) => vec![Finding::new(
            Level::Error,
            "checks.0001",
            "the check panicked, the log says why",
        )],
        Err(_) => vec![Finding::new(
            Level::Error,
            "checks.0002",
            format!("the check took longer than {timeout:?}"),
        )],
    }
}
