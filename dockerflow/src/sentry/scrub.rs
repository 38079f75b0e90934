//! What must not leave: e-mail addresses, whoever put them into a message.

use std::borrow::Cow;

use ::sentry::protocol::{Context, Event, Value};

/// What stands where an address stood.
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
    if let Cow::Owned(masked) = without_addresses(text) {
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

/// An address ends where one of these stands; what stands between two of them and has an `@` in it
/// is taken for one.
fn ends_address(c: char) -> bool {
    c.is_whitespace() || "<>()[]{}\"'`,;|".contains(c)
}

fn without_addresses(text: &str) -> Cow<'_, str> {
    if !text.contains('@') {
        return Cow::Borrowed(text);
    }
    let masked = text.split_inclusive(ends_address).flat_map(|word| {
        let end = word.trim_end_matches(ends_address);
        let (part, delimiter) = word.split_at(end.len());
        [if part.contains('@') { MASK } else { part }, delimiter]
    });
    Cow::Owned(masked.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_masked_and_the_rest_stays() {
        for (text, masked) in [
            (
                "550 5.1.1 <ada@example.net>: no such user",
                "550 5.1.1 <[address]>: no such user",
            ),
            ("ada@example.net, b@c", "[address], [address]"),
            ("to=\"ada+x@example.net\"", "to=\"[address]\""),
            ("no address here", "no address here"),
            ("é@é", "[address]"),
            ("", ""),
        ] {
            assert_eq!(without_addresses(text), masked);
        }
    }
}
