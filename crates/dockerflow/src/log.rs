//! Logging: mozlog for machines, text for people, both on standard output.
//!
//! [`init`] sets up the whole process once. Lines go into a bounded buffer, and a thread writes
//! them out, so that a slow or closed standard output never blocks a request. Lines that do not fit
//! are counted, and the log says how many. Records of the `log` facade keep their own target. A
//! panic is one `error` event instead of text on standard error.

mod buffer;
pub(crate) mod fields;
mod json;
mod mozlog;
pub(crate) mod panic;
mod settings;
mod text;

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tracing::Subscriber;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, Layered, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use self::buffer::Buffer;
pub use self::mozlog::Mozlog;
pub use self::settings::{Filter, Format, InvalidFilter, Settings, UnknownFormat};
use self::text::Text;

use crate::sentry::Sentry;

/// How long a process that ends waits until its last lines are written, and then for a message on
/// standard error: one second together.
const FLUSH_WITHIN: Duration = Duration::from_millis(900);
const LAST_WORD_WITHIN: Duration = Duration::from_millis(100);

/// Why [`init`] did not set up logging.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This process already logs somewhere.
    #[error("logging is already set up in this process")]
    AlreadySet(#[source] tracing_subscriber::util::TryInitError),
    /// The thread that writes the lines could not be started.
    #[error("cannot start the thread that writes the log")]
    Thread(#[source] io::Error),
}

/// Sets up logging for this process; `logger` is its name in every line.
///
/// Keep the guard until the end of `main`, and drop it before `process::exit`.
///
/// # Errors
/// If it was called before, or a global subscriber or logger is already set.
pub fn init(logger: &str, settings: &Settings) -> Result<Guard, Error> {
    init_with(logger, settings, None)
}

/// As [`init`], and errors go to Sentry too.
pub(crate) fn init_with(
    logger: &str,
    settings: &Settings,
    sentry: Option<&Sentry>,
) -> Result<Guard, Error> {
    let buffer = Buffer::start(io::stdout()).map_err(Error::Thread)?;
    subscriber(logger, settings, buffer.clone())
        .with(sentry.map(Sentry::layer))
        .try_init()
        .map_err(Error::AlreadySet)?;
    panic::log_panics();
    Ok(Guard { buffer })
}

/// The subscriber that [`init`] makes global, on any writer: a test can read what a service logs.
pub fn subscriber<W>(
    logger: &str,
    settings: &Settings,
    writer: W,
) -> impl Subscriber + for<'a> LookupSpan<'a> + Send + Sync + use<W>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filtered = Registry::default().with(settings.level.targets());
    filtered.with(match settings.format {
        Format::Json => lines(Mozlog::new(logger, writer)),
        Format::Text => lines(Text::new(writer, wants_colour())),
    })
}

type Lines = Box<dyn Layer<Layered<Targets, Registry>> + Send + Sync>;

fn lines(layer: impl Layer<Layered<Targets, Registry>> + Send + Sync) -> Lines {
    Box::new(layer)
}

/// See <https://no-color.org>.
fn wants_colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// When it is dropped, it waits up to a second until the last lines are written. If lines were
/// lost, it reports how many: in the log if that is still read, otherwise on standard error.
#[derive(Debug)]
#[must_use = "dropping it at once flushes at once: keep it until the end of main"]
pub struct Guard {
    buffer: Buffer,
}

impl Guard {
    /// How many lines were dropped so far because standard output was not read fast enough.
    pub fn dropped_lines(&self) -> u64 {
        self.buffer.dropped()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.buffer.flush(Instant::now() + FLUSH_WITHIN) {
            say_on_stderr(format!(
                "{} log lines were lost: standard output is not read",
                self.buffer.lost()
            ));
        }
    }
}

/// Standard error may be the same blocked pipe, and then the write never returns.
fn say_on_stderr(text: String) {
    let (said, done) = mpsc::channel();
    thread::spawn(move || {
        let _ = writeln!(io::stderr(), "{text}");
        let _ = said.send(());
    });
    let _ = done.recv_timeout(LAST_WORD_WITHIN);
}
