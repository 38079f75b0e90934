//! All the rules that a body breaks, each with its place.

use std::ops::ControlFlow;

use deserr::{
    DeserializeError, ErrorKind, IntoValue, MergeWithError, ValuePointerRef,
    errors::json::value_kinds_description_json,
};

use serde_json::Value;

use crate::problem::{FieldError, Problem};

/// What is wrong with a body. None of its texts repeats a value that was sent.
#[derive(Debug)]
pub(crate) struct Invalid(Vec<FieldError>);

impl Invalid {
    /// One broken rule: `detail` follows the name of the field in a sentence ("must not be empty").
    pub(crate) fn new(location: ValuePointerRef<'_>, detail: &'static str) -> Self {
        Self(vec![FieldError::new(pointer(location), detail)])
    }

    /// The texts that have a null character, which PostgreSQL does not store. `None` where there is no such text.
    pub(super) fn null_characters(value: &Value) -> Option<Self> {
        let mut found = Vec::new();
        find_null_characters(value, ValuePointerRef::Origin, &mut found);
        (!found.is_empty()).then_some(Self(found))
    }

    pub(super) fn into_problem(self) -> Problem {
        Problem::invalid(self.0)
    }
}

impl MergeWithError<Self> for Invalid {
    fn merge(all: Option<Self>, other: Self, _: ValuePointerRef<'_>) -> ControlFlow<Self, Self> {
        let mut all = all.map_or_else(Vec::new, |all| all.0);
        all.extend(other.0);
        ControlFlow::Continue(Self(all))
    }
}

impl DeserializeError for Invalid {
    fn error<V: IntoValue>(
        all: Option<Self>,
        error: ErrorKind<'_, V>,
        location: ValuePointerRef<'_>,
    ) -> ControlFlow<Self, Self> {
        let broken = match error {
            ErrorKind::MissingField { field } => {
                FieldError::new(pointer(location.push_key(field)), "is missing")
            }
            ErrorKind::IncorrectValueKind { accepted, .. } => {
                let accepted = value_kinds_description_json(accepted);
                FieldError::new(pointer(location), format!("must be {accepted}"))
            }
            ErrorKind::UnknownValue { accepted, .. } => FieldError::new(
                pointer(location),
                format!("must be one of {}", accepted.join(", ")),
            ),
            ErrorKind::UnknownKey { accepted, .. } => FieldError::new(
                pointer(location),
                format!("may only have {}", accepted.join(", ")),
            ),
            ErrorKind::BadSequenceLen { expected, .. } => {
                FieldError::new(pointer(location), format!("must have {expected} items"))
            }
            // The message may quote the value.
            ErrorKind::Unexpected { .. } => {
                FieldError::new(pointer(location), "is out of range or malformed")
            }
        };
        Self::merge(all, Self(vec![broken]), location)
    }
}

fn find_null_characters(value: &Value, location: ValuePointerRef<'_>, found: &mut Vec<FieldError>) {
    let mut note = |text: &str| {
        if text.contains('\0') {
            found.push(FieldError::new(
                pointer(location),
                "must not have null characters",
            ));
        }
    };
    match value {
        Value::String(text) => note(text),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                find_null_characters(item, location.push_index(index), found);
            }
        }
        Value::Object(entries) => {
            entries.keys().for_each(|name| note(name));
            for (name, value) in entries {
                find_null_characters(value, location.push_key(name), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The location as a JSON pointer (RFC 6901).
fn pointer(location: ValuePointerRef<'_>) -> String {
    match location {
        ValuePointerRef::Origin => String::new(),
        ValuePointerRef::Key { key, prev } => {
            format!(
                "{}/{}",
                pointer(*prev),
                key.replace('~', "~0").replace('/', "~1")
            )
        }
        ValuePointerRef::Index { index, prev } => format!("{}/{index}", pointer(*prev)),
    }
}
