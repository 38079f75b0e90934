//! The stack of an error, without the frames of logging and panicking.

use ::sentry::integrations::backtrace::current_stacktrace;
use ::sentry::protocol::{Frame, Stacktrace};

/// The first functions of logging and panicking.
const ENDS: [&str; 4] = [
    "core::panicking::",
    "std::panicking::begin_panic",
    "__rustc::rust_begin_unwind",
    "tracing_core::event::Event::dispatch",
];

/// Crates that are not part of the service.
pub(super) const NOT_OURS: [&str; 17] = [
    "<unknown>",
    "__rust",
    "apalis_core::",
    "clone3",
    "futures_core::",
    "futures_util::",
    "hyper::",
    "hyper_util::",
    "poem::",
    "poem_openapi::",
    "sea_orm::",
    "sqlx_",
    "start_thread",
    "tokio::",
    "tokio_util::",
    "tower",
    "tracing",
];

/// The folders of dependencies and of the standard library in the paths of a debug build.
const OTHERS_SOURCES: [&str; 2] = ["/registry/src/", "/rustc/"];

/// The stack of this thread up to the call that logs, the outermost call first.
pub(super) fn here() -> Option<Stacktrace> {
    let mut stack = current_stacktrace()?;
    let is_end = |frame: &Frame| {
        let function = frame.function.as_deref().unwrap_or_default();
        ENDS.iter().any(|end| function.starts_with(end))
    };
    if let Some(end) = stack.frames.iter().position(is_end) {
        stack.frames.truncate(end);
    }
    for frame in &mut stack.frames {
        let path = frame.abs_path.as_deref().unwrap_or_default();
        if OTHERS_SOURCES.iter().any(|folder| path.contains(folder)) {
            frame.in_app = Some(false);
        }
    }
    Some(stack)
}
