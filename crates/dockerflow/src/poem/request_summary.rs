//! `request.summary`: one line for each request, with the fields of python-dockerflow and `code`.

use std::borrow::Cow;
use std::thread;
use std::time::Instant;

use poem::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};
use tracing::{Instrument as _, Span, field};

use super::routes::is_heartbeat;
use super::{MatchedRoute, RequestId};
use crate::addresses::without_addresses;
use crate::trace::TraceContext;

/// Each value from the client is cut to this many bytes.
const MAX_VALUE: usize = 1024;

/// A longer value is cut before addresses are masked. The header has at most 64 KiB.
const MAX_LOOKED_AT: usize = 64 * 1024;

/// What nginx logs for a client that closed its connection before the answer.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// Middleware that runs each request in a span `request` and ends it with one `info` event of the
/// target `request.summary`.
///
/// The span has the request's id as `rid`, its `trace_id`, its `method`, and its `route` as soon as
/// that is known. The trace comes from the `sentry-trace` or `traceparent` header, or is new. The
/// request's data has it as a [`TraceContext`], and the route as a [`MatchedRoute`].
///
/// The event's fields: `errno` (500 if the answer is 500, otherwise 0), `agent`, `lang`, `method`,
/// `path`, `code` (the status, or 499 if the client went away before an answer), `uid` (always
/// empty: the user is not known here), `rid`, `t` (milliseconds) and, if enabled, `querystring`.
/// Client input reaches the log only in these fields, each cut to 1024 bytes.
///
/// It belongs directly inside of [`SetRequestId`](super::SetRequestId), so that it sees the status
/// that the client sees. An `Err` counts with the status of its response.
#[derive(Clone, Copy, Debug)]
pub struct RequestSummary {
    querystring: bool,
    heartbeats: bool,
}

impl Default for RequestSummary {
    fn default() -> Self {
        Self {
            querystring: false,
            heartbeats: true,
        }
    }
}

impl RequestSummary {
    /// Summaries without the query string.
    pub fn new() -> Self {
        Self::default()
    }

    /// Summaries as configured.
    pub fn of(settings: &crate::log::Settings) -> Self {
        Self::new()
            .querystring(settings.querystring)
            .heartbeats(settings.heartbeats)
    }

    /// Whether to show the query string (`LOG_QUERYSTRING`), which may hold secrets.
    pub fn querystring(mut self, shown: impl Into<bool>) -> Self {
        self.querystring = shown.into();
        self
    }

    /// Whether to log the heartbeats that succeed (`LOG_HEARTBEATS`): a load balancer asks for them
    /// every few seconds.
    pub fn heartbeats(mut self, logged: impl Into<bool>) -> Self {
        self.heartbeats = logged.into();
        self
    }
}

impl<E: Endpoint> Middleware<E> for RequestSummary {
    type Output = RequestSummaryEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        RequestSummaryEndpoint {
            inner,
            options: *self,
        }
    }
}

/// What [`RequestSummary`] makes of an endpoint.
#[derive(Debug)]
pub struct RequestSummaryEndpoint<E> {
    inner: E,
    options: RequestSummary,
}

impl<E: Endpoint> Endpoint for RequestSummaryEndpoint<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let mut summary = Summary::begin(&mut request, self.options);
        let span = summary.span.clone();
        let result = self.inner.call(request).instrument(span).await;
        let result = result.map(IntoResponse::into_response);
        summary.status = Some(match &result {
            Ok(response) => response.status(),
            Err(error) => error.status(),
        });
        result
    }
}

/// Logs the summary when it is dropped: after the response, or after a disconnect or a panic.
struct Summary {
    span: Span,
    started: Instant,
    method: Method,
    uri: Uri,
    agent: Option<HeaderValue>,
    lang: Option<HeaderValue>,
    rid: Option<RequestId>,
    status: Option<StatusCode>,
    options: RequestSummary,
}

impl Summary {
    fn begin(request: &mut Request, options: RequestSummary) -> Self {
        let rid = request.data::<RequestId>().cloned();
        let trace = TraceContext::of(request.headers());
        // Of the highest level, so that LOG_LEVEL=warn does not take the id from the warnings.
        let span = tracing::error_span!(
            target: "request",
            "request",
            rid = rid.as_ref().map(RequestId::as_str),
            trace_id = %trace.trace_id(),
            method = known(request.method()),
            route = field::Empty,
        );
        request.set_data(trace);
        request.set_data(MatchedRoute::default());
        Self {
            span,
            started: Instant::now(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            agent: sent(request.headers(), header::USER_AGENT),
            lang: sent(request.headers(), header::ACCEPT_LANGUAGE),
            rid,
            status: None,
            options,
        }
    }

    fn code(&self) -> u16 {
        match self.status {
            Some(status) => status.as_u16(),
            None if thread::panicking() => StatusCode::INTERNAL_SERVER_ERROR.as_u16(),
            None => CLIENT_CLOSED_REQUEST,
        }
    }
}

/// The method, if HTTP defines it (RFC 9110, section 9): a client may send any word.
pub(super) fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::CONNECT => "CONNECT",
        _ => "other",
    }
}

fn sent(headers: &HeaderMap, name: HeaderName) -> Option<HeaderValue> {
    headers.get(name).cloned()
}

impl Drop for Summary {
    fn drop(&mut self) {
        let code = self.code();
        if !self.options.heartbeats && code < 400 && is_heartbeat(self.uri.path()) {
            return;
        }
        let agent = self.agent.as_ref().map(text);
        let lang = self.lang.as_ref().map(text);
        let querystring = self
            .options
            .querystring
            .then(|| self.uri.query().unwrap_or_default());
        let _entered = self.span.enter();
        tracing::info!(
            target: "request.summary",
            errno = if code == 500 { 500 } else { 0 },
            agent = &*shown(&agent.unwrap_or_default()),
            lang = &*shown(&lang.unwrap_or_default()),
            method = &*shown(self.method.as_str()),
            path = &*shown(self.uri.path()),
            querystring = querystring.map(shown).as_deref(),
            code,
            uid = "",
            rid = self.rid.as_ref().map(RequestId::as_str),
            t = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        );
    }
}

fn text(value: &HeaderValue) -> Cow<'_, str> {
    String::from_utf8_lossy(value.as_bytes())
}

/// What a line shows of a value from the client. It is masked before it is cut, because half an
/// address would not be recognised.
fn shown(value: &str) -> Cow<'_, str> {
    let end = value.floor_char_boundary(MAX_LOOKED_AT);
    match without_addresses(&value[..end], "*") {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..text.floor_char_boundary(MAX_VALUE)]),
        Cow::Owned(mut text) => {
            text.truncate(text.floor_char_boundary(MAX_VALUE));
            Cow::Owned(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_is_cut_and_stays_text() {
        assert_eq!(shown(&"x".repeat(2000)).len(), MAX_VALUE);
        for long in ["é".repeat(1000), "xé".repeat(800), "@ é".repeat(4000)] {
            assert!(shown(&long).len() <= MAX_VALUE);
        }
        assert_eq!(shown("é"), "é");
    }

    #[test]
    fn an_address_that_the_cut_would_split_is_masked() {
        let path = format!("/{}/{}@example.net", "x".repeat(1000), "ada".repeat(20));
        assert_eq!(shown(&path), format!("/{}/*", "x".repeat(1000)));
    }
}
