use std::future::pending;
use std::panic::AssertUnwindSafe;

use dockerflow::poem::{MatchedRoute, NoteRoute, RequestSummary, SetRequestId};
use futures_util::FutureExt as _;
use poem::endpoint::{make, make_sync};
use poem::http::{Method, StatusCode};
use poem::{Endpoint, EndpointExt as _, Error, Request, Response};
use serde_json::{Value, json};

use crate::capture::{lines_at, lines_of};

fn request() -> Request {
    Request::builder()
        .uri_str("http://localhost/order/ada?token=hunter2")
        .header("User-Agent", "agent/1")
        .header("Accept-Language", "de")
        .header("X-Request-Id", "abc")
        .finish()
}

fn service<E: Endpoint>(summary: RequestSummary, views: E) -> impl Endpoint<Output = Response> {
    views.with(summary).with(SetRequestId)
}

/// What is logged while the service answers the request or panics.
fn lines_at_level(level: &str, service: &impl Endpoint, request: Request) -> Vec<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    lines_at(level, || {
        let call = AssertUnwindSafe(service.call(request)).catch_unwind();
        let _ = runtime.block_on(call);
    })
}

fn summary_of(service: &impl Endpoint, request: Request) -> Value {
    let mut lines = lines_at_level("info", service, request);
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line = lines.remove(0);
    assert_eq!(line["Type"], "request.summary");
    assert_eq!(line["Severity"], 6);
    line["Fields"].clone()
}

#[test]
fn a_request_has_one_summary() {
    let service = service(RequestSummary::new(), make_sync(|_| "hello"));
    let mut fields = summary_of(&service, request());
    assert!(fields["t"].take().is_u64());
    assert_eq!(fields["trace_id"].take().as_str().map(str::len), Some(32));
    assert_eq!(
        fields,
        json!({
            "errno": 0, "agent": "agent/1", "lang": "de", "method": "GET", "path": "/order/ada",
            "code": 200, "uid": "", "rid": "abc", "t": null, "trace_id": null,
        })
    );
}

#[test]
fn a_request_without_headers_has_empty_fields() {
    let service = service(RequestSummary::new(), make_sync(|_| ()));
    let fields = summary_of(&service, Request::builder().finish());
    assert_eq!(
        (&fields["agent"], &fields["lang"]),
        (&json!(""), &json!(""))
    );
}

#[test]
fn the_query_string_is_shown_only_if_asked_for() {
    let asked = RequestSummary::new().querystring(true);
    let fields = summary_of(&service(asked, make_sync(|_| ())), request());
    assert_eq!(fields["querystring"], "token=hunter2");

    let fields = summary_of(
        &service(RequestSummary::new(), make_sync(|_| ())),
        request(),
    );
    assert!(!fields.to_string().contains("hunter2"));
}

#[test]
fn an_error_is_logged_with_its_status_and_stays_an_error() {
    let fails = make_sync(|_| Err::<(), _>(Error::from_string("detail", StatusCode::NOT_FOUND)));
    let fields = summary_of(&service(RequestSummary::new(), fails), request());
    assert_eq!(
        (&fields["code"], &fields["errno"]),
        (&json!(404), &json!(0))
    );

    let fails = make_sync(|_| Err::<(), _>(Error::from_status(StatusCode::CONFLICT)));
    let result = fails
        .with(RequestSummary::new())
        .call(request())
        .now_or_never()
        .unwrap();
    assert_eq!(result.unwrap_err().status(), StatusCode::CONFLICT);
}

#[test]
fn a_500_has_an_errno() {
    let fails = make_sync(|_| StatusCode::INTERNAL_SERVER_ERROR);
    let fields = summary_of(&service(RequestSummary::new(), fails), request());
    assert_eq!(
        (&fields["code"], &fields["errno"]),
        (&json!(500), &json!(500))
    );
}

#[test]
fn a_panic_that_nothing_caught_is_a_500() {
    let breaks = make_sync(|_| -> () { panic!("broken") });
    let fields = summary_of(&service(RequestSummary::new(), breaks), request());
    assert_eq!(
        (&fields["code"], &fields["errno"]),
        (&json!(500), &json!(500))
    );
}

#[test]
fn a_client_that_went_away_is_a_499() {
    let service = service(RequestSummary::new(), make(|_| pending::<()>()));
    let lines = lines_of(|| assert!(service.call(request()).now_or_never().is_none()));
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["Fields"]["code"], 499);
    assert_eq!(lines[0]["Fields"]["rid"], "abc");
}

#[test]
fn every_line_of_a_request_has_its_id_at_any_level() {
    let service = service(
        RequestSummary::new(),
        make(async |_| tracing::warn!("inside")),
    );
    for (level, number_of_lines) in [("info", 2), ("warn", 1)] {
        let lines = lines_at_level(level, &service, request());
        assert_eq!(lines.len(), number_of_lines, "{lines:?}");
        assert!(
            lines.iter().all(|line| line["Fields"]["rid"] == "abc"),
            "{lines:?}"
        );
    }
}

#[test]
fn a_long_value_from_the_client_is_cut() {
    let long = "x".repeat(5000);
    let request = Request::builder()
        .uri_str(format!("http://localhost/{long}?{long}"))
        .header("User-Agent", long.as_str())
        .header("Accept-Language", long.as_str())
        .finish();
    let service = service(RequestSummary::new().querystring(true), make_sync(|_| ()));
    let fields = summary_of(&service, request);
    for field in ["agent", "lang", "path", "querystring"] {
        assert_eq!(fields[field].as_str().unwrap().len(), 1024, "{field}");
    }
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[test]
fn a_request_continues_the_trace_of_its_headers() {
    let service = service(RequestSummary::new(), make_sync(|_| ()));
    let sentry = format!("{TRACE}-00f067aa0ba902b7-1");
    let w3c = |trace: &str| format!("00-{trace}-00f067aa0ba902b7-01");
    let other = "0".repeat(31) + "1";
    for headers in [
        vec![("traceparent", w3c(TRACE))],
        vec![("sentry-trace", sentry.clone())],
        vec![("traceparent", w3c(&other)), ("sentry-trace", sentry)],
    ] {
        let mut request = Request::builder();
        for (name, value) in &headers {
            request = request.header(*name, value);
        }
        let fields = summary_of(&service, request.finish());
        assert_eq!(fields["trace_id"], TRACE, "{headers:?}");
    }
    for broken in ["", "x", "00-zz-zz-01"] {
        let request = Request::builder().header("traceparent", broken).finish();
        let trace_id = summary_of(&service, request)["trace_id"].clone();
        assert!(
            trace_id.as_str().is_some_and(|id| id.len() == 32),
            "{broken}"
        );
    }
}

#[test]
fn lines_from_the_view_on_have_the_template_of_the_route() {
    let view = make_sync(|request: Request| {
        tracing::warn!("in the view");
        request
            .data::<MatchedRoute>()
            .unwrap()
            .template()
            .unwrap()
            .to_string()
    });
    let view = view.with(NoteRoute::new("/order/:name"));
    let service = service(RequestSummary::new(), view);
    let lines = lines_at_level("info", &service, request());
    assert_eq!(lines.len(), 2, "{lines:?}");
    for line in lines {
        assert_eq!(line["Fields"]["route"], "/order/:name", "{line}");
    }
}

#[test]
fn heartbeats_that_succeed_can_be_left_out() {
    let answer = make_sync(|request: Request| {
        let fails = request.uri().query() == Some("fails");
        if fails {
            StatusCode::INTERNAL_SERVER_ERROR
        } else {
            StatusCode::OK
        }
    });
    let service = service(RequestSummary::new().heartbeats(false), answer);
    let count = |path: &str| {
        let request = Request::builder().uri_str(path).finish();
        lines_at_level("info", &service, request).len()
    };
    assert_eq!(count("/__heartbeat__"), 0);
    assert_eq!(count("/__lbheartbeat__"), 0);
    assert_eq!(count("/__heartbeat__?fails"), 1);
    assert_eq!(count("/__version__"), 1);
}

#[test]
fn an_unknown_method_is_shown_in_the_summary_only() {
    let service = service(
        RequestSummary::new(),
        make_sync(|_| tracing::warn!("a line")),
    );
    let request = Request::builder().method(Method::from_bytes(b"HUNTER2").unwrap());
    let lines = lines_at_level("info", &service, request.finish());
    assert_eq!(lines[0]["Fields"]["method"], "other");
    assert_eq!(lines[1]["Fields"]["method"], "HUNTER2");
}
