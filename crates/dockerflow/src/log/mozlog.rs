//! The [mozlog 2.0][mozlog] format: one JSON object per line.
//!
//! [mozlog]: https://wiki.mozilla.org/Firefox/Services/Logging

use std::cell::Cell;
use std::io::Write as _;
use std::time::SystemTime;

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_log::NormalizeEvent as _;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::fields::{SpanFields, name};
use super::json::{self, Values};

/// Writes each event as one line of mozlog.
///
/// `Fields` has the event's own fields, its message as `msg`, and the fields of the spans around
/// it. If two have the same name, the inner one wins. Numbers and booleans keep their type.
#[derive(Debug)]
pub struct Mozlog<W> {
    writer: W,
    /// The part that is the same in all lines: `Logger`, `Hostname`, `EnvVersion` and `Pid`.
    process: Vec<u8>,
}

impl<W> Mozlog<W> {
    /// `logger` is the name of the process.
    pub fn new(logger: &str, writer: W) -> Self {
        let mut process = Vec::new();
        process.extend_from_slice(b",\"Logger\":");
        json::string(&mut process, logger);
        process.extend_from_slice(b",\"Hostname\":");
        json::string(&mut process, &crate::hostname());
        process.extend_from_slice(b",\"EnvVersion\":\"2.0\",\"Pid\":");
        json::literal(&mut process, std::process::id());
        Self { writer, process }
    }

    fn begin(&self, line: &mut Vec<u8>, metadata: &Metadata<'_>) {
        line.extend_from_slice(b"{\"Timestamp\":");
        json::literal(line, nanoseconds());
        line.extend_from_slice(b",\"Type\":");
        json::string(line, metadata.target());
        line.extend_from_slice(&self.process);
        line.extend_from_slice(b",\"Severity\":");
        json::literal(line, severity(*metadata.level()));
        line.extend_from_slice(b",\"Fields\":{");
    }
}

fn nanoseconds() -> u128 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos()
}

/// RFC 5424, table 2.
fn severity(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

impl<S, W> Layer<S> for Mozlog<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        SpanFields::begin(attributes, id, &context);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        SpanFields::record(values, id, &context);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        // Empty for an event that is logged while another one is formatted.
        let mut line = LINE.try_with(Cell::take).unwrap_or_default();
        line.clear();
        self.write_event(&mut line, event, &context);
        let _ = self
            .writer
            .make_writer_for(event.metadata())
            .write_all(&line);
        if line.capacity() <= KEPT_CAPACITY {
            let _ = LINE.try_with(|kept| kept.set(line));
        }
    }
}

/// The buffer of a longer line is not kept for the next one.
const KEPT_CAPACITY: usize = 16 * 1024;

thread_local! {
    /// Use `try_with` only: in a thread that ends, destructors may log after this is gone.
    static LINE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl<W> Mozlog<W> {
    fn write_event<S>(&self, line: &mut Vec<u8>, event: &Event<'_>, context: &Context<'_, S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let of_log_record = event.normalized_metadata();
        self.begin(
            line,
            of_log_record.as_ref().unwrap_or_else(|| event.metadata()),
        );

        let mut written = Vec::new();
        event.record(&mut Values::new(|field, write| {
            if let Some(name) = name(field) {
                write_field(line, &mut written, name, write);
            }
        }));
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<SpanFields>() {
                for (name, value) in fields.written() {
                    write_field(line, &mut written, name, &|line| {
                        line.extend_from_slice(value);
                    });
                }
            }
        }
        line.extend_from_slice(b"}}\n");
    }
}

fn write_field(
    line: &mut Vec<u8>,
    written: &mut Vec<&'static str>,
    name: &'static str,
    write: &dyn Fn(&mut Vec<u8>),
) {
    if written.contains(&name) {
        return;
    }
    if !written.is_empty() {
        line.push(b',');
    }
    json::string(line, name);
    line.push(b':');
    write(line);
    written.push(name);
}
