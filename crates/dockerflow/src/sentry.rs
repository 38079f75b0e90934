//! Reports errors to [Sentry]: every log line at `SENTRY_LEVEL` or above becomes an event. Panics
//! are included, summaries are not.
//!
//! The fields of the spans around the line (request id, route, job, attempt) are the event's tags,
//! and their `trace_id` is its trace. No code calls Sentry: log an error if it is worth an alert.
//!
//! A separate thread sends the events, at most [`PER_SECOND`] on average. If Sentry is slow or
//! down, events are dropped and no request waits. An event has only what was logged, so no headers,
//! bodies or raw paths. Anything that looks like an e-mail address is masked.
//!
//! [Sentry]: https://sentry.io

mod event;
mod layer;
mod rate;
mod scrub;
mod stack;
mod transport;

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use ::sentry::integrations::backtrace::ProcessStacktraceIntegration;
use ::sentry::types::Dsn;
use ::sentry::{Client, ClientOptions};
use tracing::Level;

pub(crate) use self::layer::SentryLayer;
use crate::version::Version;

/// How many events are sent per second on average. A burst may have three times as many.
pub const PER_SECOND: u32 = 10;

/// How long a process that ends waits until the last events are sent.
const FLUSH_WITHIN: Duration = Duration::from_secs(2);

/// Which errors are sent, and where to.
#[derive(Clone, Debug, conf::Conf)]
pub struct Settings {
    /// The DSN from the project's settings in Sentry, where errors are sent; unset: nowhere
    #[conf(env = "SENTRY_DSN", secret)]
    pub dsn: Option<Dsn>,
    /// The name of this deployment in Sentry
    #[conf(env = "SENTRY_ENVIRONMENT", default_value = "production")]
    pub environment: String,
    /// The lowest level of log lines that become events: error, warn or info
    #[conf(env = "SENTRY_LEVEL", default_value = "error")]
    pub level: EventLevel,
}

/// The lowest level of log lines that become events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventLevel(Level);

/// The text is not an [`EventLevel`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected error, warn or info")]
pub struct UnknownLevel;

impl std::str::FromStr for EventLevel {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        match text.trim().to_ascii_lowercase().as_str() {
            "error" => Ok(Self(Level::ERROR)),
            "warn" | "warning" => Ok(Self(Level::WARN)),
            "info" => Ok(Self(Level::INFO)),
            _ => Err(UnknownLevel),
        }
    }
}

/// The connection to Sentry.
#[derive(Clone, Debug)]
pub(crate) struct Sentry {
    client: Arc<Client>,
    level: Level,
}

impl Sentry {
    /// `None` if no DSN is set.
    pub(crate) fn connect(settings: &Settings, version: &Version) -> Option<Self> {
        let dsn = settings.dsn.clone()?;
        let mut options = ClientOptions::new()
            .maybe_release(release(version))
            .environment(settings.environment.clone())
            .server_name(crate::hostname())
            .add_integration(ProcessStacktraceIntegration)
            .before_send(|event| Some(scrub::event(event)))
            .transport(transport::Factory);
        options.dsn = Some(dsn);
        options.in_app_exclude = stack::NOT_OURS.to_vec();
        Some(Self {
            client: Arc::new(Client::from(options)),
            level: settings.level.0,
        })
    }

    pub(crate) fn layer(&self) -> SentryLayer {
        SentryLayer::new(Arc::clone(&self.client), self.level)
    }

    /// Waits up to two seconds until everything is sent.
    pub(crate) fn flush(&self) {
        let client = Arc::clone(&self.client);
        let (sent, done) = mpsc::channel();
        // If its queue is full, the library's own flush has no time limit.
        thread::spawn(move || {
            client.flush(Some(FLUSH_WITHIN));
            let _ = sent.send(());
        });
        let _ = done.recv_timeout(FLUSH_WITHIN);
    }
}

/// The commit tells two builds of one version apart.
fn release(version: &Version) -> Option<String> {
    match (version.version.as_str(), version.commit.as_str()) {
        ("", "") => None,
        (version, "") => Some(version.to_owned()),
        ("", commit) => Some(commit.to_owned()),
        (version, commit) => Some(format!("{version}+{commit}")),
    }
}
