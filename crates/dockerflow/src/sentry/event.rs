//! Turns a log event into an event of Sentry.

use std::collections::BTreeMap;

use ::sentry::protocol::{self, Exception, Mechanism, SpanId, TraceContext, TraceId};
use serde_json::Value;
use tracing::{Event, Level, Metadata};

use super::stack;
use crate::log::fields::{SpanFields, field_values};
use crate::log::panic::PANIC;
use crate::trace;

/// An event that is being collected.
pub(super) struct Draft {
    level: Level,
    target: String,
    fields: BTreeMap<&'static str, Value>,
    tags: BTreeMap<&'static str, Value>,
}

impl Draft {
    pub(super) fn new(metadata: &Metadata<'_>) -> Self {
        Self {
            level: *metadata.level(),
            target: metadata.target().to_owned(),
            fields: BTreeMap::new(),
            tags: BTreeMap::new(),
        }
    }

    /// Adds the event's own fields.
    pub(super) fn fields(&mut self, event: &Event<'_>) {
        self.fields = field_values(event);
    }

    /// Adds the fields of a span. Spans come from the inside out, and the first value stays.
    pub(super) fn span(&mut self, fields: &SpanFields) {
        for (name, value) in fields.values() {
            self.tags.entry(name).or_insert(value);
        }
    }

    pub(super) fn finish(mut self) -> protocol::Event<'static> {
        let is_panic = self.target == PANIC;
        let message = take_text(&mut self.fields, "msg").unwrap_or_default();
        let error = take_text(&mut self.fields, "error");
        let trace = trace(take_text(&mut self.tags, "trace_id"));
        let exception = Exception {
            // The constant part comes first, because Sentry uses it for the title and the grouping.
            ty: if is_panic {
                "panic".to_owned()
            } else {
                message.clone()
            },
            value: if is_panic { Some(message) } else { error },
            stacktrace: stack::here(),
            mechanism: Some(Mechanism {
                ty: if is_panic { "panic" } else { "log" }.to_owned(),
                handled: Some(!is_panic),
                ..Mechanism::default()
            }),
            ..Exception::default()
        };
        protocol::Event {
            level: level(self.level),
            logger: Some(self.target),
            transaction: transaction(&self.tags),
            exception: vec![exception].into(),
            contexts: [("trace".to_owned(), trace.into())].into(),
            tags: texts(self.tags),
            extra: self
                .fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            ..protocol::Event::default()
        }
    }
}

fn level(level: Level) -> protocol::Level {
    match level {
        Level::ERROR => protocol::Level::Error,
        Level::WARN => protocol::Level::Warning,
        Level::INFO => protocol::Level::Info,
        Level::DEBUG | Level::TRACE => protocol::Level::Debug,
    }
}

/// The part of the service: the route of a request, the kind of a job.
fn transaction(tags: &BTreeMap<&'static str, Value>) -> Option<String> {
    let text = |name| tags.get(name).and_then(Value::as_str);
    match (text("method"), text("route"), text("kind")) {
        (Some(method), Some(route), _) => Some(format!("{method} {route}")),
        (_, _, kind) => kind.map(str::to_owned),
    }
}

/// The trace of the log line, or a new one, because Sentry requires one.
fn trace(trace_id: Option<String>) -> TraceContext {
    let own = trace::TraceContext::new();
    let trace_id: Option<TraceId> = trace_id.and_then(|id| id.parse().ok());
    let own_id = || own.trace_id().to_string().parse().unwrap_or_default();
    TraceContext {
        trace_id: trace_id.unwrap_or_else(own_id),
        span_id: own
            .span_id()
            .to_string()
            .parse::<SpanId>()
            .unwrap_or_default(),
        ..TraceContext::default()
    }
}

fn take_text(fields: &mut BTreeMap<&'static str, Value>, name: &str) -> Option<String> {
    fields.remove(name).map(text)
}

fn texts(values: BTreeMap<&'static str, Value>) -> BTreeMap<String, String> {
    values
        .into_iter()
        .map(|(name, value)| (name.to_owned(), text(value)))
        .collect()
}

fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}
