//! The API of the service under test: it takes things.

#![allow(
    clippy::unused_async,
    reason = "an operation is async, whether it has to wait or not"
)]

use bare_http::{Invalid, Json, Problem, Rule, Text};
use deserr::Deserr;
use poem_openapi::{
    ApiResponse, Object, OpenApi, param::Path, payload::PlainText, registry::MetaSchema,
};

/// The text of the index.
pub const INDEX: &str = "It works.";

/// A body that is accepted, of 40 bytes.
pub const LAMP: &str = r#"{"name":"lamp","code":"012345678901234"}"#;

#[derive(Clone)]
pub struct Views;

type Name = Text<NameRule>;

struct NameRule;

impl Rule for NameRule {
    const NAME: &'static str = "Name";

    fn check(text: &str) -> Result<(), &'static str> {
        let is_name = !text.is_empty() && text.trim() == text && !text.contains(char::is_control);
        is_name.then_some(()).ok_or("must be a name")
    }

    fn schema(schema: MetaSchema) -> MetaSchema {
        MetaSchema {
            max_length: Some(100),
            ..schema
        }
    }
}

type Code = Text<CodeRule>;

struct CodeRule;

impl Rule for CodeRule {
    const NAME: &'static str = "Code";

    fn check(text: &str) -> Result<(), &'static str> {
        let is_code = text.chars().all(|c| c.is_ascii_alphanumeric());
        is_code.then_some(()).ok_or("must have letters and digits")
    }

    fn schema(schema: MetaSchema) -> MetaSchema {
        schema
    }
}

/// What is sent
#[derive(Debug, Deserr, Object)]
#[deserr(error = Invalid)]
struct NewThing {
    /// What it is called
    name: Name,
    /// What is printed on it
    code: Code,
}

/// What is kept
#[derive(Debug, Object)]
struct Thing {
    /// What it is called
    name: String,
    /// What is printed on it
    code: String,
}

#[derive(ApiResponse)]
enum Accepted {
    /// It is kept
    #[oai(status = 202)]
    Accepted(Json<Thing>),
}

#[OpenApi]
impl Views {
    /// Says that it works
    #[oai(path = "/", method = "get")]
    async fn index(&self) -> PlainText<&'static str> {
        PlainText(INDEX)
    }

    /// Says a word again
    #[oai(path = "/:word", method = "get")]
    async fn word(
        &self,
        /// The word
        Path(word): Path<String>,
    ) -> PlainText<String> {
        PlainText(word)
    }

    /// Never answers
    #[oai(path = "/things/slow", method = "get")]
    async fn slow(&self) -> PlainText<&'static str> {
        std::future::pending().await
    }

    /// Takes a thing
    #[oai(path = "/thing", method = "post")]
    async fn take_thing(
        &self,
        /// The thing
        Json(new): Json<NewThing>,
    ) -> Result<Accepted, Problem> {
        Ok(Accepted::Accepted(Json(Thing {
            name: new.name.into(),
            code: new.code.into(),
        })))
    }

    /// Shows the lamp, the only thing that there is
    #[oai(path = "/thing/:name", method = "get")]
    async fn show_thing(
        &self,
        /// What the thing is called
        Path(name): Path<Name>,
    ) -> Result<Json<Thing>, Problem> {
        let name = String::from(name);
        if name != "lamp" {
            return Err(Problem::not_found());
        }
        let code = String::new();
        Ok(Json(Thing { name, code }))
    }

    /// Says a number again
    #[oai(path = "/number/:number", method = "get")]
    async fn number(
        &self,
        /// The number
        Path(number): Path<u32>,
    ) -> Json<u32> {
        Json(number)
    }
}
