//! The log for people: a short line per event, in colour on a terminal.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

use chrono::Local;
use serde_json::Value;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_log::NormalizeEvent as _;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::fields::{SpanFields, field_values};
use super::json::is_misleading;

/// Writes each event as a line for a quick look: the time, the level, what happened, and at the end
/// what it belongs to. Fields that mean nothing to a person are only in [`Mozlog`](super::Mozlog).
pub(super) struct Text<W> {
    writer: W,
    in_colour: bool,
}

impl<W> Text<W> {
    pub(super) fn new(writer: W, in_colour: bool) -> Self {
        Self { writer, in_colour }
    }
}

impl<S, W> Layer<S> for Text<W>
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
        let of_log_record = event.normalized_metadata();
        let metadata = of_log_record.as_ref().unwrap_or_else(|| event.metadata());
        let mut fields = field_values(event);
        let mut around = BTreeMap::new();
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(of_span) = span.extensions().get::<SpanFields>() {
                for (name, value) in of_span.values() {
                    around.entry(name).or_insert(value);
                }
            }
        }

        let mut line = Line::new(self.in_colour);
        line.dim(&Local::now().format("%H:%M:%S").to_string());
        line.level(*metadata.level());
        match metadata.target() {
            "request.summary" => {
                line.request(&fields);
                around.retain(|name, _| *name == "rid");
            }
            "job.summary" => {
                line.job(&fields, &around);
                around.retain(|name, _| ["job", "rid"].contains(name));
            }
            target => {
                line.dim(target);
                line.plain(&text(fields.remove("msg").as_ref()));
                around.retain(|name, _| *name != "trace_id" && !fields.contains_key(name));
                for field in &fields {
                    line.plain(&pair(field));
                }
            }
        }
        for field in &around {
            line.dim(&pair(field));
        }
        let mut writer = self.writer.make_writer_for(metadata);
        let _ = writer.write_all(line.end().as_bytes());
    }
}

const RED: u8 = 31;
const GREEN: u8 = 32;
const YELLOW: u8 = 33;
const BLUE: u8 = 34;
const DIM: u8 = 2;

/// A line: words with a space between them.
struct Line {
    text: String,
    in_colour: bool,
}

impl Line {
    fn new(in_colour: bool) -> Self {
        let text = String::new();
        Self { text, in_colour }
    }

    fn level(&mut self, level: Level) {
        let colour = match level {
            Level::ERROR => RED,
            Level::WARN => YELLOW,
            Level::INFO => GREEN,
            Level::DEBUG | Level::TRACE => BLUE,
        };
        self.word(&format!("{level:>5}"), Some(colour));
    }

    /// `POST /order 202 9 ms`
    fn request(&mut self, fields: &BTreeMap<&'static str, Value>) {
        let word = |name| text(fields.get(name));
        let code = word("code");
        let colour = match code.as_bytes().first() {
            Some(b'5') => RED,
            Some(b'4') => YELLOW,
            _ => GREEN,
        };
        let query = match word("querystring") {
            query if query.is_empty() => query,
            query => format!("?{query}"),
        };
        self.plain(&format!("{} {}{query}", word("method"), word("path")));
        self.word(&code, Some(colour));
        self.plain(&format!("{} ms", word("t")));
    }

    /// `job send_receipt completed 12 ms (attempt 1)`
    fn job(
        &mut self,
        fields: &BTreeMap<&'static str, Value>,
        around: &BTreeMap<&'static str, Value>,
    ) {
        let outcome = text(fields.get("outcome"));
        let colour = match &*outcome {
            "dead" => RED,
            "completed" => GREEN,
            _ => YELLOW,
        };
        self.plain(&format!("job {}", text(around.get("kind"))));
        self.word(&outcome, Some(colour));
        let (t, attempt) = (text(fields.get("t")), text(around.get("attempt")));
        self.plain(&format!("{t} ms (attempt {attempt})"));
    }

    fn plain(&mut self, text: &str) {
        self.word(text, None);
    }

    fn dim(&mut self, text: &str) {
        self.word(text, Some(DIM));
    }

    fn word(&mut self, text: &str, colour: Option<u8>) {
        if text.is_empty() {
            return;
        }
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        let colour = colour.filter(|_| self.in_colour);
        // Writing to a string does not fail.
        let _ = match colour {
            Some(colour) => write!(self.text, "\x1b[{colour}m{text}\x1b[0m"),
            None => write!(self.text, "{text}"),
        };
    }

    fn end(mut self) -> String {
        self.text.push('\n');
        self.text
    }
}

/// `name=value`, or nothing if the value is empty.
fn pair((name, value): (&&'static str, &Value)) -> String {
    match text(Some(value)) {
        value if value.is_empty() => value,
        value if value.contains([' ', '"']) && !value.contains('\n') => {
            format!("{name}=\"{value}\"")
        }
        value => format!("{name}={value}"),
    }
}

/// The value without quotes. Control characters are escaped and further lines indented, so that no
/// value looks like a separate line.
fn text(value: Option<&Value>) -> String {
    let value = match value {
        None | Some(Value::Null) => return String::new(),
        Some(Value::String(text)) => text.trim_end(),
        Some(other) => return other.to_string(),
    };
    let mut shown = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\n' => shown.push_str("\n    "),
            c if is_misleading(c) => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}
