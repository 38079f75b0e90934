//! The id of a request, from the load balancer to the last line that the request causes.

use std::fmt;
use std::sync::Arc;

use poem::http::{HeaderMap, HeaderName, HeaderValue};
use poem::{Endpoint, IntoResponse as _, Middleware, Request, Response, Result};
use uuid::Uuid;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// A longer id is replaced.
const MAX_LENGTH: usize = 128;

/// The id of a request, in the request's data (`request.data::<RequestId>()`, `Data<&RequestId>`).
///
/// It has 1 to 128 characters: ASCII letters, digits and `. _ : / + = -`. So it needs no escaping
/// in a log line, a header or a job.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// A new id, a UUID of version 7.
    pub fn generate() -> Self {
        Self(Uuid::now_v7().to_string().into())
    }

    /// The given id, if its length and characters are allowed.
    pub fn parse(text: &str) -> Option<Self> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/+=-".contains(&byte);
        ((1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(is_allowed))
            .then(|| Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn from_headers(headers: &HeaderMap) -> Option<Self> {
        Self::parse(headers.get(HEADER)?.to_str().ok()?)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Middleware that gives each request its [`RequestId`] and sends it back in the `X-Request-Id`
/// header of every response. A valid id in the same header of the request is kept.
///
/// It must be the outermost middleware. It turns an error into its response, because only a
/// response can carry the header.
#[derive(Clone, Copy, Debug, Default)]
pub struct SetRequestId;

impl<E: Endpoint> Middleware<E> for SetRequestId {
    type Output = SetRequestIdEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        SetRequestIdEndpoint { inner }
    }
}

/// What [`SetRequestId`] makes of an endpoint.
#[derive(Debug)]
pub struct SetRequestIdEndpoint<E> {
    inner: E,
}

impl<E: Endpoint> Endpoint for SetRequestIdEndpoint<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let id = RequestId::from_headers(request.headers()).unwrap_or_else(RequestId::generate);
        let echo = HeaderValue::from_str(id.as_str());
        request.set_data(id);

        let mut response = match self.inner.call(request).await {
            Ok(output) => output.into_response(),
            Err(error) => error.into_response(),
        };
        // Every character of an id is allowed in a header.
        if let Ok(echo) = echo {
            response.headers_mut().insert(HEADER, echo);
        }
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_a_limited_length_and_safe_characters() {
        for good in [
            "abc",
            "0190f6e2-7c1e-7d3a",
            "Root=1-67891233-abcdef",
            "a/b:c.d_e+f",
            &"x".repeat(128),
        ] {
            assert!(RequestId::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "a b",
            "a\"b",
            "a\\b",
            "a<b>",
            "a,b",
            "é",
            "a\u{7f}",
            &"x".repeat(129),
        ] {
            assert!(RequestId::parse(bad).is_none(), "{bad}");
        }
    }
}
