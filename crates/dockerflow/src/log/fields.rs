//! The fields of events and spans: what they are called, and where those of a span are kept.

use std::collections::BTreeMap;
use std::ops::Range;

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
            let mut written = Vec::new();
            write(&mut written);
            values.insert(name, value(&written));
        }
    }));
    values
}

/// The fields of a span, each value as it will stand in a line. Whichever layer sees the span first
/// keeps them for all.
#[derive(Default)]
pub(crate) struct SpanFields {
    fields: Vec<(&'static str, Range<usize>)>,
    /// The values one after the other: every request has a span, and one buffer is one allocation.
    json: Vec<u8>,
}

/// What the fields of a request take up.
const ROOM: usize = 160;

impl SpanFields {
    /// Keeps what a new span begins with.
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
    // It was written as JSON a moment ago.
    serde_json::from_slice(written).unwrap_or_default()
}
