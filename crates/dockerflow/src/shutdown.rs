//! The signals that ask a process to stop.

/// The exit code of an interrupted process, as in shells.
const INTERRUPTED: i32 = 130;

/// Completes at SIGTERM (from a platform), Ctrl-C, or SIGHUP (from a terminal that closes, unless the
/// process was started by nohup). A second Ctrl-C ends the process at once.
pub async fn requested() {
    let signal = tokio::select! {
        () = interrupted() => "SIGINT",
        () = terminated() => "SIGTERM",
        () = hung_up() => "SIGHUP",
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
    received(tokio::signal::unix::SignalKind::terminate()).await;
}

#[cfg(unix)]
async fn hung_up() {
    if is_hangup_ignored() {
        std::future::pending::<()>().await;
    }
    received(tokio::signal::unix::SignalKind::hangup()).await;
}

#[cfg(unix)]
async fn received(kind: tokio::signal::unix::SignalKind) {
    match tokio::signal::unix::signal(kind) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(error) => {
            tracing::error!(%error, ?kind, "cannot listen for a signal");
            std::future::pending::<()>().await;
        }
    }
}

/// Whether the parent ordered this process to ignore SIGHUP, as nohup does. Linux shows the
/// ignored signals as a mask.
#[cfg(unix)]
fn is_hangup_ignored() -> bool {
    const HANGUP: u64 = 1;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & HANGUP != 0)
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending::<()>().await;
}

#[cfg(not(unix))]
async fn hung_up() {
    std::future::pending::<()>().await;
}
