//! Logs panics.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};
use std::thread;

/// The target of the line that a panic becomes.
pub(crate) const PANIC: &str = "panic";

/// Makes each panic one `error` event, and prints nothing to standard error. With
/// `RUST_BACKTRACE=1` the event has a backtrace.
pub(super) fn log_panics() {
    panic::set_hook(Box::new(log_panic));
}

fn log_panic(info: &PanicHookInfo<'_>) {
    let message = info.payload_as_str().unwrap_or("a value that is no text");
    let location = info.location().map(tracing::field::display);
    let thread = thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured)
        .then(|| tracing::field::display(backtrace));
    tracing::error!(target: PANIC, location, thread, backtrace, "panicked: {message}");
}
