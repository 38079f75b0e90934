//! The signals that ask a process to stop.

/// The exit code of an interrupted process, as in shells.
const INTERRUPTED: i32 = 130;

/// Completes at SIGTERM (from a platform) or Ctrl-C. A second Ctrl-C ends the process at once.
pub async fn requested() {
    let signal = tokio::select! {
        () = interrupted() => "SIGINT",
        () = terminated() => "SIGTERM",
    };
    tracing::info!(signal, "asked to stop");
    tokio::spawn(async {
        interrupted().await;
        std::process::exit(INTERRUPTED)
    });
}

async fn interrupted() {
    if let Err(error) = tokio::signal::ctrl_c().await {
        tracing::error!(%error, "cannot listen for Ctrl-C");
        std::future::pending::<()>().await;
    }
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};

    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            terminate.recv().await;
        }
        Err(error) => {
            tracing::error!(%error, "cannot listen for SIGTERM");
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending::<()>().await;
}
