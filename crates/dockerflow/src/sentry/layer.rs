//! The layer that sends log events to Sentry.

use std::sync::Arc;
use std::time::Instant;

use ::sentry::Client;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_log::NormalizeEvent as _;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::PER_SECOND;
use super::event::Draft;
use super::rate::Rate;
use crate::log::fields::SpanFields;

pub(crate) struct SentryLayer {
    client: Arc<Client>,
    level: Level,
    rate: Rate,
}

impl SentryLayer {
    pub(super) fn new(client: Arc<Client>, level: Level) -> Self {
        Self {
            client,
            level,
            rate: Rate::new(PER_SECOND),
        }
    }
}

impl<S> Layer<S> for SentryLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
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
        let is_summary = metadata.target().ends_with(".summary");
        if is_summary || *metadata.level() > self.level || !self.rate.allows(Instant::now()) {
            return;
        }
        let mut draft = Draft::new(metadata);
        draft.fields(event);
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<SpanFields>() {
                draft.span(fields);
            }
        }
        self.client.capture_event(draft.finish(), None);
    }
}
