//! All rules that a body breaks, each with its location.

use std::ops::ControlFlow;

use deserr::{
    DeserializeError, ErrorKind, IntoValue, MergeWithError, ValuePointerRef,
    errors::json::value_kinds_description_json,
};

use crate::problem::{FieldError, Problem};

/// How many broken rules an answer lists.
pub(super) const MAX_FAULTS: usize = 20;

/// The first 20 faults of a body. Their texts do not repeat the client's input, and their pointers
/// have only names from the body's type.
#[derive(Debug, Default)]
pub struct Invalid(Vec<FieldError>);

impl Invalid {
    /// One broken rule: `detail` follows the name of the field in a sentence ("must not be empty").
    pub fn new(location: ValuePointerRef<'_>, detail: &'static str) -> Self {
        Self(vec![FieldError::new(pointer(location), detail)])
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn is_full(&self) -> bool {
        self.0.len() >= MAX_FAULTS
    }

    pub(super) fn add(&mut self, fault: FieldError) {
        if !self.is_full() {
            self.0.push(fault);
        }
    }

    /// Adds the faults of `other` at locations that have none so far.
    pub(super) fn add_elsewhere(&mut self, other: Self) {
        for fault in other.0 {
            if self.0.iter().all(|known| known.pointer != fault.pointer) {
                self.add(fault);
            }
        }
    }

    pub(super) fn into_problem(self) -> Problem {
        Problem::invalid(self.0)
    }
}

impl MergeWithError<Self> for Invalid {
    fn merge(all: Option<Self>, other: Self, _: ValuePointerRef<'_>) -> ControlFlow<Self, Self> {
        let mut all = all.unwrap_or_default();
        other.0.into_iter().for_each(|fault| all.add(fault));
        if all.is_full() {
            ControlFlow::Break(all)
        } else {
            ControlFlow::Continue(all)
        }
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
            // The message of deserr may quote the value.
            ErrorKind::Unexpected { .. } => {
                FieldError::new(pointer(location), "is out of range or malformed")
            }
        };
        Self::merge(all, Self(vec![broken]), location)
    }
}

/// The location as a JSON pointer (RFC 6901).
fn pointer(location: ValuePointerRef<'_>) -> String {
    match location {
        ValuePointerRef::Origin => String::new(),
        ValuePointerRef::Key { key, prev } => {
            format!("{}/{}", pointer(*prev), escape(key))
        }
        ValuePointerRef::Index { index, prev } => format!("{}/{index}", pointer(*prev)),
    }
}

/// A name as a part of a JSON pointer.
pub(super) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
