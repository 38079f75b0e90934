//! A process from its settings to its exit code.

use std::{fmt::Display, future::Future, io::Write as _, net::IpAddr, process, time::Duration};

use conf::Conf;

use crate::log;
use crate::metrics::{self, Metric};
use crate::sentry::{self, Sentry};
use crate::service::{name_of, name_service};
use crate::settings::between;
use crate::version::Version;

/// The settings that every process of a service has
#[derive(Conf, Clone, Debug)]
pub struct ProcessSettings {
    /// The IP address to listen on
    #[conf(env, default_value = "0.0.0.0", value_parser = ip_address)]
    pub host: IpAddr,

    /// How many seconds requests and jobs in flight have to finish after SIGTERM
    #[conf(env, default_value = "25", value_parser = between(0, 3600))]
    pub shutdown_grace_seconds: u64,

    /// Where metrics go.
    #[conf(flatten)]
    pub metrics: metrics::Settings,

    /// The log.
    #[conf(flatten)]
    pub log: log::Settings,

    /// Where errors are reported.
    #[conf(flatten)]
    pub sentry: sentry::Settings,
}

fn ip_address(text: &str) -> Result<IpAddr, &'static str> {
    text.parse()
        .map_err(|_| "an IP address such as 127.0.0.1 or :: is accepted")
}

impl ProcessSettings {
    /// Sets up the exporters of metrics, once per process, for those of every service and the given lists.
    /// Does nothing if the settings have no exporter.
    ///
    /// What is sent to StatsD has the tags `service`, `process` (the name given here) and `instance` (the
    /// host). Prometheus adds such labels itself.
    pub async fn install_metrics(
        &self,
        process: &'static str,
        lists: &[&[&'static Metric]],
    ) -> Result<(), metrics::Error> {
        metrics::install(process, self.host, &self.metrics, lists).await
    }

    /// How long requests and jobs in flight may run after SIGTERM.
    pub fn grace(&self) -> Duration {
        Duration::from_secs(self.shutdown_grace_seconds)
    }
}

/// A process of the service, to be [run](Process::run).
#[derive(Debug)]
pub struct Process<'a> {
    logger: String,
    log: &'a log::Settings,
    sentry: Option<Sentry>,
}

impl<'a> Process<'a> {
    /// A process of this service. Its log lines, metrics and database sessions carry both names.
    pub fn new(service: &str, process: &str, log: &'a log::Settings) -> Self {
        name_service(service);
        Self {
            logger: name_of(process),
            log,
            sentry: None,
        }
    }

    /// Reports errors to Sentry too, with this version as their release.
    pub fn sentry(mut self, settings: &sentry::Settings, version: &Version) -> Self {
        self.sentry = Sentry::connect(settings, version);
        self
    }

    /// Sets up the log, runs `main` on a multi-threaded runtime, and ends the process: with 0, or
    /// with 1 after logging the error that `main` returned.
    ///
    /// It does not wait for blocked threads: the platform would kill a process that does not stop.
    pub fn run<E: Display>(self, main: impl Future<Output = Result<(), E>>) -> ! {
        let guard = match log::init_with(&self.logger, self.log, self.sentry.as_ref()) {
            Ok(guard) => guard,
            Err(error) => fail(&error),
        };
        let runtime = match tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
        {
            Ok(runtime) => runtime,
            Err(error) => fail(&error),
        };
        let code = match runtime.block_on(main) {
            Ok(()) => 0,
            Err(error) => {
                tracing::error!("{error:#}");
                1
            }
        };
        if let Some(sentry) = &self.sentry {
            sentry.flush();
        }
        drop(guard);
        process::exit(code)
    }
}

/// Runs a command of this service that a person typed, and ends the process: with 0, or with 1 after
/// writing the error of `main` to standard error. It does not log, because its output is its result.
pub fn run_command<E: Display>(service: &str, main: impl Future<Output = Result<(), E>>) -> ! {
    name_service(service);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime.map(|runtime| runtime.block_on(main)) {
        Ok(Ok(())) => process::exit(0),
        Ok(Err(error)) => fail(&error),
        Err(error) => fail(&error),
    }
}

/// There is no log yet, so this goes to standard error.
fn fail(error: &dyn Display) -> ! {
    let _ = writeln!(std::io::stderr(), "error: {error:#}");
    process::exit(1)
}
