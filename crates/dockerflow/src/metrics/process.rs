//! The resources that this process uses, with the names that all Prometheus clients use.

use std::time::Duration;

use ::metrics::Unit;
use metrics_process::collector::collect;

use super::Metric;

pub(super) static CPU_SECONDS: Metric = Metric::counter(
    "process_cpu_seconds_total",
    Unit::Seconds,
    &[],
    "Processor time that was used, in whole seconds",
);

pub(super) static RESIDENT_MEMORY: Metric = Metric::gauge(
    "process_resident_memory_bytes",
    Unit::Bytes,
    &[],
    "Memory in use",
);

pub(super) static OPEN_FILES: Metric = Metric::gauge(
    "process_open_fds",
    Unit::Count,
    &[],
    "Open file descriptors, connections among them",
);

pub(super) static MAX_OPEN_FILES: Metric = Metric::gauge(
    "process_max_fds",
    Unit::Count,
    &[],
    "How many file descriptors may be open",
);

pub(super) static THREADS: Metric = Metric::gauge("process_threads", Unit::Count, &[], "Threads");

pub(super) static START_TIME: Metric = Metric::gauge(
    "process_start_time_seconds",
    Unit::Seconds,
    &[],
    "When the process started, since 1970",
);

/// Samples all of them, except those that the system does not report.
pub(super) fn sample() {
    let found = collect();
    if let Some(seconds) = found.cpu_seconds_total {
        CPU_SECONDS.raise_to(Duration::from_secs_f64(seconds).as_secs(), []);
    }
    set(&RESIDENT_MEMORY, found.resident_memory_bytes);
    set(&OPEN_FILES, found.open_fds);
    set(&MAX_OPEN_FILES, found.max_fds);
    set(&THREADS, found.threads);
    set(&START_TIME, found.start_time_seconds);
}

#[expect(clippy::cast_precision_loss, reason = "every gauge is a float")]
fn set(gauge: &Metric, value: Option<u64>) {
    if let Some(value) = value {
        gauge.set(value as f64, []);
    }
}
