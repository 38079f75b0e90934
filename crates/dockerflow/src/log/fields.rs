//! The fields of events and spans: their names, and where those of a span are stored.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value;
use tracing::field::Field;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::json::Values;

/// The name of a field in a line; `None` if the field only repeats what `Type` says.
pub(super) fn name(field: &Field) -> Option<&'static str> {
    match field.name() {
        "message" => Some("msg"),
        // Fields that `tracing-log` adds to records of the `log` crate.
        name if name.starts_with("log.") => None,
        name => Some(name.strip_prefix("r#").unwrap_or(name)),
    }
}

/// An event's own fields.
pub(crate) fn field_values(event: &Event<'_>) -> BTreeMap<&'static str, Value> {
    let mut values = BTreeMap::new();
    event.record(&mut Values::new(|field, write| {
        if let Some(name) = name(field) {
            let mut written = Vec::new();
            write(&mut written);
            values.insert(name, value(&written));
        }
    }));
    values
}

/// The fields of a span, with each value as it is written in a line. The layer that sees the span
/// first stores them for all layers.
#[derive(Default)]
pub(crate) struct SpanFields {
    fields: Vec<(&'static str, Range<usize>)>,
    /// The values, one after the other, in a single allocation: every request has a span.
    json: Vec<u8>,
}

/// Enough for the fields of a request.
const ROOM: usize = 160;

impl SpanFields {
    /// Stores the fields of a new span.
    pub(crate) fn begin<S>(attributes: &Attributes<'_>, id: &Id, context: &Context<'_, S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let Some(span) = context.span(id) else { return };
        let mut extensions = span.extensions_mut();
        if extensions.get_mut::<Self>().is_none() {
            let mut fields = Self {
                fields: Vec::with_capacity(attributes.fields().len()),
                json: Vec::with_capacity(ROOM),
            };
            attributes.record(&mut Values::new(|field, write| fields.set(field, write)));
            extensions.insert(fields);
        }
    }

    /// Stores fields that are recorded later.
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
        let fields = self.fields.iter();
        fields.map(|(name, place)| (*name, self.json.get(place.clone()).unwrap_or_default()))
    }

    /// Each field with its value.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&'static str, Value)> {
        self.written().map(|(name, written)| (name, value(written)))
    }

    fn set(&mut self, field: &Field, write: &dyn Fn(&mut Vec<u8>)) {
        if let Some(name) = name(field) {
            let begin = self.json.len();
            write(&mut self.json);
            self.fields.retain(|(other, _)| *other != name);
            self.fields.push((name, begin..self.json.len()));
        }
    }
}

fn value(written: &[u8]) -> Value {
    // It was written as JSON, so it parses.
    serde_json::from_slice(written).unwrap_or_default()
}
