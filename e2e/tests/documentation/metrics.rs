//! All metrics, in the form of the documentation.

use std::fmt::Write as _;

use dockerflow::metrics::{Kind, METRICS, Metric};

/// The metrics of all the binaries.
pub fn all() -> impl Iterator<Item = &'static Metric> {
    let lists = [&METRICS[..], &web::METRICS]
        .into_iter()
        .chain(worker::METRICS);
    lists.flatten().copied()
}

/// The table of `docs/metrics.md`.
pub fn table() -> String {
    let mut text = "| metric | kind | labels | meaning |\n|---|---|---|---|\n".to_owned();
    for metric in all() {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        let labels = metric.labels.iter().map(|label| format!("`{label}`"));
        let labels = labels.collect::<Vec<_>>().join(", ");
        let Metric {
            name, description, ..
        } = metric;
        writeln!(text, "| `{name}` | {kind} | {labels} | {description} |").unwrap();
    }
    text
}
