//! Removes e-mail addresses from events.

use std::borrow::Cow;

use ::sentry::protocol::{Context, Event, Value};

use crate::addresses::without_addresses;

/// Replaces an address.
const MASK: &str = "[address]";

/// The event without anything that looks like an e-mail address.
pub(super) fn event(mut event: Event<'static>) -> Event<'static> {
    mask_option(&mut event.message);
    mask_option(&mut event.transaction);
    for exception in &mut event.exception.values {
        mask(&mut exception.ty);
        mask_option(&mut exception.value);
    }
    event.tags.values_mut().for_each(mask);
    event.extra.values_mut().for_each(mask_value);
    for context in event.contexts.values_mut() {
        if let Context::Other(fields) = context {
            fields.values_mut().for_each(mask_value);
        }
    }
    event
}

fn mask_option(text: &mut Option<String>) {
    if let Some(text) = text {
        mask(text);
    }
}

fn mask(text: &mut String) {
    if let Cow::Owned(masked) = without_addresses(text, MASK) {
        *text = masked;
    }
}

fn mask_value(value: &mut Value) {
    match value {
        Value::String(text) => mask(text),
        Value::Array(values) => values.iter_mut().for_each(mask_value),
        Value::Object(fields) => fields.values_mut().for_each(mask_value),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
