use std::future::pending;
use std::panic::AssertUnwindSafe;

use dockerflow::poem::{RequestSummary, SetRequestId};
use futures_util::FutureExt as _;
use poem::endpoint::{make, make_sync};
use poem::http::StatusCode;
use poem::{Endpoint, EndpointExt as _, Error, Request, Response};
use serde_json::{Value, json};

use crate::capture::{lines_at, lines_of};

fn request() -> Request {
    Request::builder()
        .uri_str("http://localhost/user/ada?token=hunter2")
        .header("User-Agent", "agent/1")
        .header("Accept-Language", "de")
        .header("X-Request-Id", "abc")
        .finish()
}

fn service<E: Endpoint>(summary: RequestSummary, views: E) -> impl Endpoint<Output = Response> {
    views.with(summary).with(SetRequestId)
}

/// What is logged while the service answers the request, or breaks over it.
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
fn a_request_ends_in_one_summary() {
    let service = service(RequestSummary::new(), make_sync(|_| "hello"));
    let mut fields = summary_of(&service, request());
    assert!(fields["t"].take().is_u64());
    assert_eq!(fields["trace_id"].take().as_str().map(str::len), Some(32));
    assert_eq!(
        fields,
        json!({
            "errno": 0, "agent": "agent/1", "lang": "de", "method": "GET", "path": "/user/ada",
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
fn an_error_counts_with_its_status_and_stays_an_error() {
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
fn a_value_of_the_client_is_cut() {
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
