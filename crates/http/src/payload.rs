//! JSON, in requests and answers.

mod invalid;
mod read;
mod shape;
#[cfg(test)]
mod tests;

use deserr::Deserr;
use poem::{
    IntoResponse, Request, RequestBody, Response,
    http::{HeaderValue, StatusCode, header},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions,
    payload::Payload,
    registry::{MetaMediaType, MetaRequest, MetaResponse, MetaResponses, MetaSchemaRef, Registry},
    types::{ToJSON, Type},
};

pub use invalid::Invalid;

use self::shape::Shape;
use crate::{middleware::read_body, problem::Problem};

/// A value as the body of a request or of an answer.
///
/// A request is answered with 415 for another content type, 400 for invalid JSON, 422 with a JSON
/// pointer for *each* broken rule (the first 20), and 413 or 408 for a body that is too large or
/// too slow.
///
/// The body of a request has at most `MAX_BYTES`, and never more than
/// [`Limits::body_size`](crate::Limits). Only the fields of `T` are kept. Each list in `T` needs a
/// maximum, which is in the OpenAPI document too: `#[oai(validator(max_items = "100"))]`. The
/// service does not start without it.
#[derive(Debug)]
pub struct Json<T, const MAX_BYTES: usize = { 16 * 1024 }>(pub T);

impl<'a, T, const MAX_BYTES: usize> ApiExtractor<'a> for Json<T, MAX_BYTES>
where
    T: Type + Deserr<Invalid> + 'static,
{
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Shape::of::<T>();
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType {
                content_type: Self::CONTENT_TYPE,
                schema: T::schema_ref(),
            }],
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        if !is_json(request) {
            let detail = "The body must be JSON, and the header Content-Type say application/json.";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail).into());
        }
        // RFC 9110, section 8.4.
        if request.headers().contains_key(header::CONTENT_ENCODING) {
            let problem = Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body must not be compressed or encoded otherwise.",
            );
            let identity = HeaderValue::from_static("identity");
            return Err(problem.header(header::ACCEPT_ENCODING, identity).into());
        }
        let bytes = read_body(request, body.take()?, MAX_BYTES).await?;
        Ok(Self(read::body(&bytes)?))
    }
}

/// `application/json`, or a type with the suffix `+json` (RFC 6839).
fn is_json(request: &Request) -> bool {
    let media_type = request.header(header::CONTENT_TYPE).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    let media_type = media_type.to_ascii_lowercase();
    media_type
        .strip_prefix("application/")
        .is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"))
}

impl<T: Type, const MAX_BYTES: usize> Payload for Json<T, MAX_BYTES> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: ToJSON, const MAX_BYTES: usize> IntoResponse for Json<T, MAX_BYTES> {
    fn into_response(self) -> Response {
        Response::builder()
            .content_type(Self::CONTENT_TYPE)
            .body(self.0.to_json_string())
    }
}

impl<T: ToJSON, const MAX_BYTES: usize> ApiResponse for Json<T, MAX_BYTES> {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "What was asked for",
                status: Some(StatusCode::OK.as_u16()),
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: Self::CONTENT_TYPE,
                    schema: T::schema_ref(),
                }],
                headers: Vec::new(),
            }],
        }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}
