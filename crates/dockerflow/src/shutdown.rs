//! When a process is asked to stop.

/// The exit code of a process that was interrupted, as shells have it.
const INTERRUPTED: i32 = 130;

/// Completes at SIGTERM, which platforms send, or at Ctrl-C. A Ctrl-C after that ends the process at
/// once: whoever types it twice does not want to wait.
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
        tracing::error!(%error, "Ctrl-C cannot be waited for");
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
            tracing::error!(%error, "SIGTERM cannot be waited for");
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending::<()>().await;
}
