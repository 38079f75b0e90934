//! The log of a run in which much goes wrong.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use e2e::{
    Backend::Sqlite,
    TestDatabase,
    postgres::{Server, StopMode},
    process::Signal,
    smtp::SmtpServer,
};
use serde_json::Value;

use crate::service::{Web, fields_of, log, migrated, start_worker, stop, until};

/// This text is in everything that the client of this test sends.
const MARK: &str = "hunter2";

#[tokio::test]
async fn every_line_is_mozlog_and_only_summaries_show_client_input() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let database = TestDatabase::migrated_on(&server, "mozlog").await;
    let smtp = SmtpServer::start();
    smtp.reply_to_rcpt(1, 450, "later, <{address}>");
    let variables = [("ERROR_ENDPOINT", "true"), ("LOG_LEVEL", "debug")];
    let mut web = Web::start(database.url(), &variables).await;
    let variables = [("SMTP_URL", &*smtp.url()), ("LOG_LEVEL", "debug")];
    let mut worker = start_worker(database.url(), &variables);

    assert_eq!(web.get("/__error__").await.status(), 500);
    web.sign_up(MARK).await;
    for (request, status) in [
        (
            format!("GET /{MARK}/{MARK} HTTP/1.1\r\nHost: {MARK}\r\nCookie: {MARK}\r\n"),
            404,
        ),
        (format!("{MARK} / HTTP/1.1\r\nHost: {MARK}\r\n"), 405),
        (
            format!("POST /user HTTP/1.1\r\nHost: a\r\n{}", json_body(MARK)),
            400,
        ),
        (
            format!(
                "POST /user HTTP/1.1\r\nHost: a\r\n{}",
                json_body(&format!("{{\"name\":[\"{MARK}\"]}}"))
            ),
            422,
        ),
    ] {
        assert_eq!(answer(&web, &request), status, "{request}");
    }
    until(async || has(&log(&worker), "the attempt failed")).await;

    server.stop(StopMode::Immediate);
    assert_eq!(web.get(&format!("/user/{MARK}")).await.status(), 503);
    until(async || has(&log(&worker), "the lease cannot be renewed")).await;
    server.start_again();
    until(async || web.get("/__heartbeat__").await.status() == 200).await;
    stop(&mut web.process, Signal::TERM).await;
    stop(&mut worker, Signal::TERM).await;

    let lines = [log(&web.process), log(&worker)].concat();
    assert!(has(&lines, "panicked: the error endpoint panics"));
    assert!(has(&lines, "the request failed"));
    let summaries = lines
        .iter()
        .filter(|line| line["Type"] == "request.summary");
    assert!(
        summaries
            .clone()
            .all(|line| line["Fields"]["code"].is_u64())
    );
    assert!(summaries.count() >= 8);
    for line in lines
        .iter()
        .filter(|line| line["Type"] != "request.summary")
    {
        let mut line = line.clone();
        // The request id of `sign_up` is meant to be in the log.
        line["Fields"]["rid"].take();
        assert!(!line.to_string().contains(MARK), "{line}");
    }
}

#[tokio::test]
async fn a_log_level_for_job_summaries_silences_only_them() {
    for (level, summaries) in [("info", 1), ("info,job.summary=off", 0)] {
        let database = migrated(Sqlite).await.unwrap();
        let smtp = SmtpServer::start();
        smtp.reply_to_rcpt(1, 550, "no such user");
        let mut web = Web::start(database.url(), &[("LOG_LEVEL", level)]).await;
        let variables = [("SMTP_URL", &*smtp.url()), ("LOG_LEVEL", level)];
        let mut worker = start_worker(database.url(), &variables);
        let job = web.sign_up("ada").await;
        web.becomes("dead", &job).await;
        stop(&mut web.process, Signal::TERM).await;
        stop(&mut worker, Signal::TERM).await;

        let lines = log(&worker);
        assert_eq!(fields_of(&lines, "job.summary").len(), summaries, "{level}");
        let failure = &fields_of(&lines, "bare_queue::runtime::end")[0];
        assert_eq!(failure["msg"], "the attempt failed");
        assert_eq!(failure["kind"], "send_welcome_email");
        assert!(has(&lines, "asked to stop") && has(&lines, "shutting down: no new jobs"));
        assert!(!fields_of(&log(&web.process), "request.summary").is_empty());
    }
}

fn has(lines: &[Value], message: &str) -> bool {
    lines.iter().any(|line| line["Fields"]["msg"] == message)
}

fn json_body(body: &str) -> String {
    let length = body.len();
    format!(
        "Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// The status of the answer to a raw request.
fn answer(web: &Web, request: &str) -> u16 {
    let mut stream = TcpStream::connect(&web.address).unwrap();
    let end = if request.contains("\r\n\r\n") {
        ""
    } else {
        "Connection: close\r\n\r\n"
    };
    write!(stream, "{request}{end}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}
