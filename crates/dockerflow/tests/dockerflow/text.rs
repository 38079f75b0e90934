//! The log for people.

use dockerflow::poem::{NoteRoute, RequestSummary, SetRequestId};
use poem::endpoint::make_sync;
use poem::{Endpoint as _, EndpointExt as _, Request};

use crate::capture::text_at;

/// The logged lines, without the time at their beginning.
fn lines(work: impl FnOnce()) -> Vec<String> {
    let text = text_at("info", "text", work);
    let without_time = |line: &str| match line.split_once(' ') {
        Some((time, rest)) if time.len() == "12:03:04".len() => rest.to_owned(),
        _ => line.to_owned(),
    };
    text.lines().map(without_time).collect()
}

#[test]
fn a_request_is_shown_as_method_path_status_time_and_id() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let service =
        make_sync(|_| tracing::warn!(target: "view", left = 3, note = "", "nearly out of paper"))
            .with(NoteRoute::new("/order/{name}"))
            .with(RequestSummary::new())
            .with(SetRequestId);
    let request = Request::builder()
        .uri_str("http://localhost/order/ada")
        .header("X-Request-Id", "abc")
        .header("User-Agent", "agent/1")
        .finish();
    let lines = lines(|| {
        let _ = runtime.block_on(service.call(request));
    });
    assert_eq!(
        lines[0],
        " WARN view nearly out of paper left=3 method=GET rid=abc route=/order/{name}"
    );
    assert!(
        lines[1].starts_with(" INFO GET /order/ada 200 ") && lines[1].ends_with(" ms rid=abc"),
        "{lines:?}"
    );
}

#[test]
fn an_attempt_is_shown_as_task_outcome_time_and_number() {
    let lines = lines(|| {
        let _span = tracing::info_span!(
            "job",
            job = "id",
            kind = "mail",
            attempt = 2,
            rid = "abc",
            trace_id = "t"
        )
        .entered();
        tracing::info!(target: "job.summary", queue = "default", outcome = "retry", t = 12, wait = 3);
    });
    assert_eq!(
        lines,
        [" INFO job mail retry 12 ms (attempt 2) job=id rid=abc"]
    );
}

#[test]
fn no_value_can_fake_a_line_or_control_the_terminal() {
    let lines = lines(|| {
        tracing::error!(target: "t", error = "first\nsecond", word = "a \u{1b}[31m\u{202e}", "said: \r\n00:00:00");
    });
    assert_eq!(
        lines,
        [
            "ERROR t said: \\r",
            "    00:00:00 error=first",
            "    second word=\"a \\u{1b}[31m\\u{202e}\"",
        ]
    );
}
