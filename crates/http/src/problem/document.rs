//! The body of a problem, and its place in the OpenAPI document.

use std::borrow::Cow;

use poem::{Response, http::StatusCode};
use poem_openapi::{
    ApiResponse, Object,
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::{ToJSON as _, Type as _},
};

use super::Problem;

const CONTENT_TYPE: &str = "application/problem+json";

/// What went wrong (RFC 9457)
#[derive(Debug, Object)]
#[oai(
    rename = "Problem",
    skip_serializing_if_is_none,
    skip_serializing_if_is_empty
)]
pub(super) struct Document {
    /// Always `about:blank`: the status says what kind of problem it is
    #[oai(rename = "type")]
    kind: String,
    /// The name of the status
    title: String,
    /// The status of the answer
    status: u16,
    /// What went wrong, for a person
    detail: String,
    /// The path of the request
    instance: Option<String>,
    /// What the log calls the request, as in the header `X-Request-Id`
    request_id: Option<String>,
    /// Which parts of the body are wrong
    errors: Option<Vec<FieldError>>,
}

/// A part of the body that is wrong
#[derive(Clone, Debug, PartialEq, Eq, Object)]
pub struct FieldError {
    /// Where it is, as a JSON pointer (RFC 6901): `/email`
    pub pointer: String,
    /// What is wrong with it
    pub detail: String,
}

impl FieldError {
    /// What is wrong (`detail`) with the part of the body at `pointer`.
    pub fn new(pointer: impl Into<String>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            pointer: pointer.into(),
            detail: detail.into().into_owned(),
        }
    }
}

impl Document {
    pub(super) fn into_response(self, status: StatusCode) -> Response {
        Response::builder()
            .status(status)
            .content_type(CONTENT_TYPE)
            .body(self.to_json_string())
    }
}

impl Problem {
    pub(super) fn document(&self, instance: Option<&str>, request_id: Option<&str>) -> Document {
        Document {
            kind: "about:blank".to_owned(),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            detail: self.detail.clone().into_owned(),
            instance: instance.map(str::to_owned),
            request_id: request_id.map(str::to_owned),
            errors: (!self.errors.is_empty()).then(|| self.errors.clone()),
        }
    }
}

/// Documents a problem as the default answer of every view that returns `Result<_, Problem>`.
impl ApiResponse for Problem {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "What went wrong",
                status: None,
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: CONTENT_TYPE,
                    schema: Document::schema_ref(),
                }],
                headers: Vec::new(),
            }],
        }
    }

    fn register(registry: &mut Registry) {
        Document::register(registry);
    }
}
