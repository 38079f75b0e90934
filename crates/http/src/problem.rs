//! An error as every client sees it: `application/problem+json` ([RFC 9457]).
//!
//! A view returns `Result<_, Problem>`. A problem never repeats the client's input. If the server
//! is at fault (5xx), the cause goes to the log and not to the client.
//!
//! [RFC 9457]: https://www.rfc-editor.org/rfc/rfc9457

mod body;
mod convert;
mod database;
mod document;

use std::{borrow::Cow, error::Error, fmt};

use poem::{
    Response,
    error::ResponseError,
    http::{HeaderName, HeaderValue, StatusCode, header},
};

pub(crate) use body::BodyError;
pub use document::FieldError;

use crate::rarely::Rarely;

type Cause = Box<dyn Error + Send + Sync>;

/// How long a client should wait after a 503, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// How a client authenticates, unless the problem says otherwise. A 401 has to say it (RFC 9110,
/// section 11.6.1).
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer");

static UNAVAILABLE: Rarely = Rarely::new();

/// An error answer.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<Cause>,
}

impl Problem {
    /// A problem with an explanation for the client, which must not repeat what the client sent.
    pub fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            detail: detail.into(),
            errors: Vec::new(),
            headers: Vec::new(),
            cause: None,
        }
    }

    /// A problem of which only the status is known.
    pub fn of_status(status: StatusCode) -> Self {
        let detail = match status {
            StatusCode::NOT_FOUND => "There is nothing here.",
            StatusCode::METHOD_NOT_ALLOWED => {
                "The header Allow lists the methods of this resource."
            }
            StatusCode::SERVICE_UNAVAILABLE => "The service cannot answer now. Try again later.",
            status if status.is_server_error() => "Something went wrong here, not on your side.",
            status => status
                .canonical_reason()
                .unwrap_or("The request was refused."),
        };
        Self::new(status, detail)
    }

    /// 404: it does not exist.
    pub fn not_found() -> Self {
        Self::of_status(StatusCode::NOT_FOUND)
    }

    /// 422: the body breaks rules.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = "The body breaks the rules that `errors` lists.";
        Self {
            errors,
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
        }
    }

    /// 500, with the cause for the log.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::of_status(StatusCode::INTERNAL_SERVER_ERROR).cause(cause)
    }

    /// 503, with the cause for the log.
    pub fn unavailable(cause: impl Into<Cause>) -> Self {
        Self::busy().cause(cause)
    }

    /// 503 because of load, which is not logged.
    pub fn busy() -> Self {
        Self::of_status(StatusCode::SERVICE_UNAVAILABLE).header(header::RETRY_AFTER, RETRY_AFTER)
    }

    /// The same problem with a header.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Adds the headers of the answer that this problem replaces.
    pub(crate) fn headers_of(mut self, response: &Response) -> Self {
        let of_body = [header::CONTENT_LENGTH, header::CONTENT_TYPE];
        let headers = response.headers().iter();
        let headers = headers.filter(|(name, _)| !of_body.contains(name));
        self.headers
            .extend(headers.map(|(name, value)| (name.clone(), value.clone())));
        self
    }

    fn cause(self, cause: impl Into<Cause>) -> Self {
        Self {
            cause: Some(cause.into()),
            ..self
        }
    }

    #[cfg(test)]
    pub(crate) fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// Logs the cause, if the server is at fault. While the database is away, all requests fail for
    /// one reason: then it logs the last cause once a second, and how many requests failed.
    pub(crate) fn log(&self) {
        let Some(cause) = &self.cause else {
            return;
        };
        let is_away = self.status == StatusCode::SERVICE_UNAVAILABLE;
        let requests = if is_away {
            UNAVAILABLE.count()
        } else {
            Some(1)
        };
        if let Some(requests) = requests {
            tracing::error!(
                code = self.status.as_u16(),
                error = Chain(&**cause).to_string(),
                requests,
                "the request failed"
            );
        }
    }

    /// The answer to a request with this path and id.
    pub(crate) fn respond(&self, instance: Option<&str>, request_id: Option<&str>) -> Response {
        let mut response = self
            .document(instance, request_id)
            .into_response(self.status);
        for (name, value) in &self.headers {
            response.headers_mut().append(name, value.clone());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = response.headers_mut().entry(header::WWW_AUTHENTICATE);
            challenge.or_insert(CHALLENGE);
        }
        response
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.detail)
    }
}

impl Error for Problem {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        self.status
    }

    fn as_response(&self) -> Response {
        self.respond(None, None)
    }
}

/// An error with its sources, except those whose text is already in the one before.
struct Chain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.0.to_string();
        write!(f, "{said}")?;
        let mut source = self.0.source();
        while let Some(error) = source {
            let text = error.to_string();
            if !said.contains(&text) {
                write!(f, ": {text}")?;
                said = text;
            }
            source = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_401_says_how_to_authenticate() {
        let challenge = |problem: Problem| {
            let answer = problem.respond(None, None);
            let challenges = answer.headers().get_all(header::WWW_AUTHENTICATE);
            challenges.iter().cloned().collect::<Vec<_>>()
        };
        let problem = || Problem::of_status(StatusCode::UNAUTHORIZED);
        assert_eq!(challenge(problem()), ["Bearer"]);
        let basic = HeaderValue::from_static("Basic");
        let problem = problem().header(header::WWW_AUTHENTICATE, basic);
        assert_eq!(challenge(problem), ["Basic"]);
    }
}
