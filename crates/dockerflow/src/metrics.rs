//! Metrics through the `metrics` facade, read by Prometheus or sent to StatsD.
//!
//! A metric is a [`Metric`] in a list, from which it is described, documented and recorded.
//! [`install_metrics`](crate::ProcessSettings::install_metrics) sets up the exporters for the whole
//! process. Without an exporter nothing is recorded, which costs the load of one flag.
//!
//! Labels must have few values, whatever clients send: use templates of routes, not paths, and
//! known names with one more for all others.

mod metric;
mod process;
mod prometheus;
mod settings;
mod statsd;

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use ::metrics::{Recorder, set_global_recorder};
use metrics_util::layers::FanoutBuilder;
use poem::{Response, endpoint::BoxEndpoint};

pub use self::metric::{Kind, Metric};
pub use self::settings::{InvalidStatsdUrl, Settings, StatsdUrl};
pub use ::metrics::{SharedString, Unit};

/// How often samplers run. They also run when Prometheus asks.
const SAMPLE_EVERY: Duration = Duration::from_secs(5);

/// The level of each check.
pub(crate) static CHECK_LEVEL: Metric = Metric::gauge(
    "heartbeat_check_level",
    Unit::Count,
    &["check"],
    "What a check of `/__heartbeat__` found: 0 ok, 20 info, 30 warning, 40 error, 50 critical",
);

/// Lines of the log that were dropped.
pub(crate) static LOG_LINES_DROPPED: Metric = Metric::counter(
    "log_lines_dropped_total",
    Unit::Count,
    &[],
    "Lines of the log that were dropped because standard output was not read fast enough",
);

/// The metrics of every service.
pub static METRICS: [&Metric; 11] = [
    &crate::poem::REQUESTS,
    &crate::poem::REQUEST_DURATION,
    &crate::poem::REQUESTS_IN_FLIGHT,
    &CHECK_LEVEL,
    &LOG_LINES_DROPPED,
    &process::CPU_SECONDS,
    &process::RESIDENT_MEMORY,
    &process::OPEN_FILES,
    &process::MAX_OPEN_FILES,
    &process::THREADS,
    &process::START_TIME,
];

/// What is shown to operators beside the metrics, at `/__heartbeat__`.
static REPORT: OnceLock<BoxEndpoint<'static, Response>> = OnceLock::new();

static IS_ON: AtomicBool = AtomicBool::new(false);

type Sampler = Box<dyn Fn() + Send>;

static SAMPLERS: Mutex<Vec<Sampler>> = Mutex::new(Vec::new());

/// Why [`install_metrics`](crate::ProcessSettings::install_metrics) did not set up the exporters.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The port is taken.
    #[error("cannot listen on {address} (PROMETHEUS_PORT): {reason}")]
    Port {
        /// Where it would listen.
        address: std::net::SocketAddr,
        /// The error of the system.
        reason: io::Error,
    },
    /// The socket or the thread for StatsD could not be created.
    #[error("metrics cannot be sent to StatsD (STATSD_URL): {0}")]
    Statsd(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A histogram without a bucket.
    #[error("a histogram has no bucket")]
    Buckets(#[source] metrics_exporter_prometheus::BuildError),
    /// The exporters are already set up.
    #[error("metrics are already set up in this process")]
    AlreadySet,
}

/// Whether metrics are exported.
pub fn is_on() -> bool {
    IS_ON.load(Ordering::Relaxed)
}

/// See [`ProcessSettings::install_metrics`](crate::ProcessSettings::install_metrics).
pub(crate) async fn install(
    process: &'static str,
    host: IpAddr,
    settings: &Settings,
    lists: &[&[&'static Metric]],
) -> Result<(), Error> {
    let all = || METRICS.iter().chain(lists.iter().copied().flatten());
    let mut recorders: Vec<Box<dyn Recorder + Send + Sync>> = Vec::new();
    let mut page = None;
    if let Some(port) = settings.prometheus_port {
        let listener = prometheus::listen(host, port).await?;
        let recorder = prometheus::recorder(all().copied()).map_err(Error::Buckets)?;
        page = Some((listener, recorder.handle()));
        recorders.push(Box::new(recorder));
    }
    if let Some(url) = &settings.statsd_url {
        let recorder = statsd::recorder(process, url.clone()).map_err(Error::Statsd)?;
        recorders.push(Box::new(recorder));
    }
    match <[_; 1]>::try_from(recorders) {
        Ok([only]) => set_global_recorder(only).map_err(|_| Error::AlreadySet)?,
        Err(none) if none.is_empty() => return Ok(()),
        Err(both) => {
            let fanout = FanoutBuilder::default();
            let fanout = both.into_iter().fold(fanout, FanoutBuilder::add_recorder);
            set_global_recorder(fanout.build()).map_err(|_| Error::AlreadySet)?;
        }
    }
    all().for_each(|metric| metric.describe());
    IS_ON.store(true, Ordering::Relaxed);
    LOG_LINES_DROPPED.add(0, []);
    on_sample(process::sample);

    let handle = page.as_ref().map(|(_, handle)| handle.clone());
    tokio::spawn(async move {
        loop {
            sample();
            if let Some(handle) = &handle {
                handle.run_upkeep();
            }
            tokio::time::sleep(SAMPLE_EVERY).await;
        }
    });
    if let Some((listener, handle)) = page {
        tokio::spawn(prometheus::serve(listener, handle));
    }
    Ok(())
}

/// Calls `sampler` every few seconds and before each answer to Prometheus: for values that are
/// looked up rather than counted. It must be quick. It is not called if no metrics are exported.
pub fn on_sample(sampler: impl Fn() + Send + 'static) {
    if is_on() {
        samplers().push(Box::new(sampler));
    }
}

/// Answers `/__heartbeat__` on the port for Prometheus.
pub(crate) fn set_report(report: BoxEndpoint<'static, Response>) {
    // It is set once in a process, but for tests.
    let _ = REPORT.set(report);
}

fn sample() {
    samplers().iter().for_each(|sampler| sampler());
}

fn samplers() -> std::sync::MutexGuard<'static, Vec<Sampler>> {
    SAMPLERS.lock().unwrap_or_else(PoisonError::into_inner)
}
