//! Parses a text into the JSON values of a type, in one pass.

use std::fmt;

use deserr::Deserr;
use poem::http::StatusCode;
use poem_openapi::types::Type;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Map, Value, error::Category};

use super::{Invalid, shape::Shape};
use crate::problem::{FieldError, Problem};

/// The value of a body.
///
/// # Errors
/// 400 if it is not JSON, 422 if it breaks rules.
pub(super) fn body<T: Type + Deserr<Invalid> + 'static>(bytes: &[u8]) -> Result<T, Problem> {
    let (value, invalid) = json(bytes, Shape::of::<T>())?;
    match deserr::deserialize::<T, _, Invalid>(value) {
        Ok(value) if invalid.is_empty() => Ok(value),
        Ok(_) => Err(invalid.into_problem()),
        Err(mut broken) => {
            broken.add_elsewhere(invalid);
            Err(broken.into_problem())
        }
    }
}

/// The part of the JSON in `bytes` that `shape` has, and the broken rules that hold for every type:
/// a text has no null character, which PostgreSQL cannot store, and a list is not too long.
///
/// An unknown field is checked for its syntax and dropped.
///
/// # Errors
/// 400 with the position of the error. An object with a known name twice is refused (RFC 7493,
/// section 2.3), because parsers differ in which of the two values counts.
pub(super) fn json(bytes: &[u8], shape: &Shape) -> Result<(Value, Invalid), Problem> {
    let text = str::from_utf8(bytes).map_err(|_| bad("The body is not UTF-8.".to_owned()))?;
    let mut walk = Walk::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Part {
        shape,
        walk: &mut walk,
    }
    .deserialize(&mut deserializer);
    let value = value.and_then(|value| deserializer.end().map(|()| value));
    match value {
        Ok(value) => Ok((value, walk.invalid)),
        Err(error) => Err(bad(explain(&error))),
    }
}

fn bad(detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

/// The texts of a syntax error do not quote input. The only other error comes from [`Part`].
fn explain(error: &serde_json::Error) -> String {
    match error.classify() {
        Category::Syntax | Category::Eof => format!("The body is not valid JSON: {error}."),
        Category::Data | Category::Io => format!(
            "The body has a name twice in one object, at line {} column {}.",
            error.line(),
            error.column()
        ),
    }
}

/// The location of the parser, and the faults so far.
#[derive(Default)]
struct Walk {
    /// A JSON pointer (RFC 6901).
    pointer: String,
    invalid: Invalid,
}

impl Walk {
    fn note(&mut self, detail: impl Into<String>) {
        let detail = detail.into();
        self.invalid
            .add(FieldError::new(self.pointer.clone(), detail));
    }

    /// Runs `step` one level deeper.
    fn inside<T>(&mut self, name: impl fmt::Display, step: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer
            .push_str(&super::invalid::escape(&name.to_string()));
        let result = step(self);
        self.pointer.truncate(length);
        result
    }
}

/// Parses a value of this shape. An unexpected array or object is kept empty: the type refuses it.
struct Part<'a> {
    shape: &'a Shape,
    walk: &'a mut Walk,
}

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        if text.contains('\0') {
            self.walk.note("must not have null characters");
        }
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let Self { shape, walk } = self;
        let mut array = Vec::new();
        if let Some(list) = &shape.list {
            while array.len() < list.max_items {
                let item = walk.inside(array.len(), |walk| {
                    items.next_element_seed(Part {
                        shape: &list.item,
                        walk,
                    })
                })?;
                match item {
                    Some(item) => array.push(item),
                    None => return Ok(array.into()),
                }
            }
        }
        let mut has_more = false;
        while items.next_element::<IgnoredAny>()?.is_some() {
            has_more = true;
        }
        if let Some(list) = &shape.list
            && has_more
        {
            walk.note(format!("must not have more than {} items", list.max_items));
        }
        Ok(array.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let Self { shape, walk } = self;
        let mut object = Map::new();
        while let Some(field) = entries.next_key_seed(Name(&shape.fields))? {
            let Some((name, shape)) = field else {
                entries.next_value::<IgnoredAny>()?;
                // One unknown field is enough for types that refuse them.
                object.insert(String::new(), Value::Null);
                continue;
            };
            if object.contains_key(*name) {
                return Err(A::Error::custom("a name is there twice"));
            }
            let value = walk.inside(name, |walk| entries.next_value_seed(Part { shape, walk }))?;
            object.insert((*name).to_owned(), value);
        }
        Ok(object.into())
    }
}

/// Parses a name into the field of this name, if there is one.
struct Name<'a>(&'a [(&'static str, Shape)]);

impl<'de, 'a> DeserializeSeed<'de> for Name<'a> {
    type Value = Option<&'a (&'static str, Shape)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for Name<'a> {
    type Value = Option<&'a (&'static str, Shape)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().find(|(known, _)| *known == name))
    }
}
