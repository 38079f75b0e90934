//! A text that is checked against a rule, for bodies, paths and the OpenAPI document.

use std::{borrow::Cow, fmt, marker::PhantomData};

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef},
    types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type},
};

use crate::payload::Invalid;

/// The rule of a [`Text`].
pub trait Rule: Sized + Send + Sync + 'static {
    /// The field type's name.
    const NAME: &'static str;

    /// The one form of texts that mean the same, before the check.
    fn normalize(text: String) -> String {
        text
    }

    /// Says what is wrong with a text, without repeating it: "must not be empty".
    fn check(text: &str) -> Result<(), &'static str>;

    /// Adds the rule to the OpenAPI schema, as far as that can express it.
    fn schema(schema: MetaSchema) -> MetaSchema;
}

/// A text that keeps the rule `R`.
pub struct Text<R> {
    text: String,
    rule: PhantomData<R>,
}

impl<R: Rule> Text<R> {
    /// The text in its one form, if it keeps the rule.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: String) -> Result<Self, &'static str> {
        let text = R::normalize(text);
        R::check(&text)?;
        Ok(Self {
            text,
            rule: PhantomData,
        })
    }
}

impl<R> From<Text<R>> for String {
    fn from(text: Text<R>) -> Self {
        text.text
    }
}

impl<R> fmt::Display for Text<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl<R: Rule> fmt::Debug for Text<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple(R::NAME).field(&self.text).finish()
    }
}

impl<R: Rule> Deserr<Invalid> for Text<R> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Invalid> {
        let text = String::deserialize_from_value(value, location)?;
        Self::parse(text).map_err(|broken| Invalid::new(location, broken))
    }
}

impl<R: Rule> ParseFromParameter for Text<R> {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        Self::parse(value.to_owned()).map_err(ParseError::custom)
    }
}

impl<R: Rule> Type for Text<R> {
    const IS_REQUIRED: bool = true;

    type RawValueType = String;
    type RawElementValueType = String;

    fn name() -> Cow<'static, str> {
        R::NAME.into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(R::schema(MetaSchema::new("string"))))
    }

    fn as_raw_value(&self) -> Option<&String> {
        Some(&self.text)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a String> + 'a> {
        Box::new(self.as_raw_value().into_iter())
    }
}

/// `Object` requires it, but bodies are read with [`Deserr`].
impl<R: Rule> ParseFromJSON for Text<R> {
    fn parse_from_json(value: Option<serde_json::Value>) -> ParseResult<Self> {
        let text = String::parse_from_json(value).map_err(ParseError::propagate)?;
        Self::parse(text).map_err(ParseError::custom)
    }
}

impl<R: Rule> ToJSON for Text<R> {
    fn to_json(&self) -> Option<serde_json::Value> {
        self.text.to_json()
    }
}
