//! Errors that are sent to Sentry.

use e2e::{
    Backend::{self, Postgres, Sqlite},
    process::Signal,
    sentry::SentryServer,
    smtp::SmtpServer,
    the_finished_job,
};
use rstest::rstest;
use serde_json::Value;

use crate::service::{PATIENCE, Web, fields_of, log, migrated, start_worker, stop};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const BAGGAGE: &str = "sentry-release=web%401.0.0,sentry-public_key=public";

#[rstest]
#[tokio::test]
async fn the_event_of_a_failed_job_has_the_request_id_and_no_address(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(database) = migrated(backend).await else {
        return;
    };
    let sentry = SentryServer::start().await;
    let smtp = SmtpServer::start();
    smtp.reply_to_rcpt(1, 550, "<{address}>: no such user");
    let dsn = sentry.dsn();
    let reports = ("SENTRY_DSN", &*dsn);
    let mut web = Web::start(database.url(), &[reports]).await;
    let variables = [("SMTP_URL", &*smtp.url()), reports];
    let mut worker = start_worker(database.url(), &variables);

    let sentry_trace = format!("{TRACE}-00f067aa0ba902b7-1");
    let headers = [
        ("x-request-id", "abc"),
        ("sentry-trace", &sentry_trace),
        ("baggage", BAGGAGE),
    ];
    web.sign_up_with("s3cret", &headers).await;
    let event = &sentry.wait_for(1).await[0];

    assert_eq!(event["tags"]["rid"], "abc");
    assert_eq!(event["tags"]["kind"], "send_welcome_email");
    assert_eq!(event["tags"]["attempt"], "1");
    assert!(event["tags"]["job"].is_string());
    assert_eq!(event["contexts"]["trace"]["trace_id"], TRACE);
    assert_eq!(event["transaction"], "send_welcome_email");
    assert_eq!(event["release"], env!("CARGO_PKG_VERSION"));
    assert_eq!(event["environment"], "production");
    let said = event["exception"]["values"][0]["value"].as_str().unwrap();
    assert!(said.contains("550"), "{said}");
    assert!(!event.to_string().contains("s3cret@"), "{event:#}");

    stop(&mut web.process, Signal::TERM).await;
    stop(&mut worker, Signal::TERM).await;
    let job = the_finished_job(&database.db).await;
    assert_eq!(job.metadata.unwrap()["baggage"], BAGGAGE);
    for (process, summary) in [(&web.process, "request.summary"), (&worker, "job.summary")] {
        let summary = &fields_of(&log(process), summary)[0];
        assert_eq!(
            (&summary["rid"], &summary["trace_id"]),
            (&"abc".into(), &TRACE.into())
        );
    }
}

#[tokio::test]
async fn a_panic_in_a_view_is_an_event_with_route_and_stack() {
    let Some(database) = migrated(Sqlite).await else {
        return;
    };
    let sentry = SentryServer::start().await;
    let variables = [("SENTRY_DSN", &*sentry.dsn()), ("ERROR_ENDPOINT", "true")];
    let mut web = Web::start(database.url(), &variables).await;
    assert_eq!(web.get("/__error__").await.status(), 500);

    let events = sentry.wait_for(2).await;
    let exception = |event: &Value| event["exception"]["values"][0].clone();
    assert_eq!(
        exception(&events[0])["type"],
        "the error endpoint was called"
    );
    let panic = exception(&events[1]);
    assert_eq!(panic["type"], "panic");
    assert!(
        panic["value"]
            .as_str()
            .unwrap()
            .contains("the error endpoint panics")
    );
    assert_eq!(panic["mechanism"]["handled"], false);
    let frames = panic["stacktrace"]["frames"].as_array().unwrap();
    let is_ours = |frame: &&Value| {
        let function = frame["function"].as_str().unwrap_or_default();
        frame["in_app"] != false && (function == "error" || function.ends_with("routes::error"))
    };
    // The last frame is where it happened. A more optimised build has fewer frames.
    assert!(
        frames.last().is_some_and(|last| is_ours(&last)),
        "{frames:#?}"
    );
    for event in &events {
        assert_eq!(event["tags"]["method"], "GET");
        assert_eq!(event["tags"]["route"], "/__error__");
        assert_eq!(event["transaction"], "GET /__error__");
        assert!(event["tags"]["rid"].is_string());
        assert_eq!(event["request"], Value::Null);
    }
    stop(&mut web.process, Signal::TERM).await;
}

#[tokio::test]
async fn the_last_error_of_a_process_is_sent_before_it_ends() {
    let sentry = SentryServer::start().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let variables = [("SENTRY_DSN", &*sentry.dsn()), ("PORT", &*port)];
    let mut process = Web::spawn("sqlite://unused.sqlite3", &variables);
    let status = process.wait(PATIENCE).await;
    assert_eq!(status.code(), Some(1));
    let event = &sentry.wait_for(1).await[0];
    let said = event["exception"]["values"][0]["type"].as_str().unwrap();
    assert!(said.contains("cannot listen on"), "{said}");
}
