//! When to stop.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Ends with the first SIGTERM (a platform that stops the process) or SIGINT (Ctrl-C) from now on.
///
/// # Errors
/// If the process cannot listen for signals.
pub fn signalled() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
