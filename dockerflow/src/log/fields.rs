//! The fields of events and spans: what they are called, and where those of a span are kept.

use std::collections::BTreeMap;

use serde_json::Value;
use tracing::field::Field;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::json::Values;

/// What a field is called in a line; `None` for one that only carries what `Type` says.
pub(super) fn name(field: &Field) -> Option<&'static str> {
    match field.name() {
        "message" => Some("msg"),
        // How the records of the `log` crate come along.
        name if name.starts_with("log.") => None,
        name => Some(name.strip_prefix("r#").unwrap_or(name)),
    }
}

/// An event's own fields.
pub(crate) fn field_values(event: &Event<'_>) -> BTreeMap<&'static str, Value> {
    let mut values = BTreeMap::new();
    event.record(&mut Values::new(|field, write| {
        if let Some(name) = name(field) {
            values.insert(name, value(&written(write)));
        }
    }));
    values
}

/// The fields of a span, each value as it will stand in a line. Whichever layer sees the span first
/// keeps them for all.
#[derive(Default)]
pub(crate) struct SpanFields(Vec<(&'static str, Vec<u8>)>);

impl SpanFields {
    /// Keeps what a new span begins with.
    pub(crate) fn begin<S>(attributes: &Attributes<'_>, id: &Id, context: &Context<'_, S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let Some(span) = context.span(id) else { return };
        let mut extensions = span.extensions_mut();
        if extensions.get_mut::<Self>().is_none() {
            let mut fields = Self::default();
            attributes.record(&mut Values::new(|field, write| fields.set(field, write)));
            extensions.insert(fields);
        }
    }

    /// Keeps what becomes known later.
    pub(crate) fn record<S>(values: &Record<'_>, id: &Id, context: &Context<'_, S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Self>()
        {
            values.record(&mut Values::new(|field, write| fields.set(field, write)));
        }
    }

    /// Each field with its value in JSON.
    pub(super) fn written(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        self.0.iter().map(|(name, value)| (*name, value.as_slice()))
    }

    /// Each field with its value.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&'static str, Value)> {
        self.written().map(|(name, written)| (name, value(written)))
    }

    fn set(&mut self, field: &Field, write: &dyn Fn(&mut Vec<u8>)) {
        if let Some(name) = name(field) {
            self.0.retain(|(other, _)| *other != name);
            self.0.push((name, written(write)));
        }
    }
}

fn written(write: &dyn Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut value = Vec::new();
    write(&mut value);
    value
}

fn value(written: &[u8]) -> Value {
    // It was written as JSON a moment ago.
    serde_json::from_slice(written).unwrap_or_default()
}
