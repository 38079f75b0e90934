//! StatsD, Sentry and database servers that are down. These tests take long, so they come first: tests start
//! in the order of their names.

use std::time::{Duration, Instant};

use e2e::{
    Backend::Sqlite,
    TestDatabase,
    postgres::{Server, StopMode},
    process::{Signal, free_port},
};
use futures_util::future::join_all;
use rstest::rstest;
use serde_json::Value;

use crate::service::{Web, fields_of, log, migrated, stop, until};

#[rstest]
#[case::nobody_is_there(format!("127.0.0.1:{}", free_port()))]
#[case::nobody_knows_the_name("statsd.invalid:8125".to_owned())]
#[tokio::test]
async fn a_dead_statsd_server_does_no_harm(#[case] server: String) {
    let database = migrated(Sqlite).await.unwrap();
    let url = format!("udp://{server}");
    let mut web = Web::start(database.url(), &[("STATSD_URL", &url)]).await;
    // Long enough to send metrics twice.
    let end = Instant::now() + Duration::from_secs(8);
    while Instant::now() < end {
        assert_eq!(web.get("/ada").await.status(), 200);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stop(&mut web.process, Signal::TERM).await;
    let log = log(&web.process);
    let is_bad = |line: &&Value| line["Severity"].as_i64() < Some(6);
    let bad: Vec<&Value> = log.iter().filter(is_bad).collect();
    let said_once = bad.len() == usize::from(server.ends_with("invalid:8125"));
    assert!(said_once, "{bad:#?}");
    assert!(!fields_of(&log, "request.summary").is_empty());
}

#[tokio::test]
async fn an_unreachable_or_silent_sentry_delays_nothing() {
    // It accepts in the backlog and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://public@{}/1", silent.local_addr().unwrap());
    for dsn in [&*silent, "http://public@127.0.0.1:1/1"] {
        let Some(database) = migrated(Sqlite).await else {
            return;
        };
        let variables = [("SENTRY_DSN", dsn), ("ERROR_ENDPOINT", "true")];
        let mut web = Web::start(database.url(), &variables).await;
        for _ in 0..100 {
            assert_eq!(web.get("/__error__").await.status(), 500);
        }
        web.sign_up("ada").await;
        stop(&mut web.process, Signal::TERM).await;
    }
}

#[tokio::test]
async fn while_the_database_is_away_a_line_a_second_says_how_many_requests_failed() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let database = TestDatabase::migrated_on(&server, "away").await;
    let mut web = Web::start(database.url(), &[]).await;
    assert_eq!(web.get("/user/ada").await.status(), 404);
    server.stop(StopMode::Fast);

    let begun = Instant::now();
    let failures = |web: &Web| {
        let log = log(&web.process);
        let failed = log
            .iter()
            .filter(|line| line["Fields"]["msg"] == "the request failed");
        let counts = failed.map(|line| line["Fields"]["requests"].as_u64().unwrap());
        counts.collect::<Vec<_>>()
    };
    until(async || {
        for response in join_all((0..20).map(|_| web.get("/user/ada"))).await {
            assert_eq!(response.status(), 503);
        }
        failures(&web).iter().any(|&requests| requests > 1)
    })
    .await;
    let seconds = begun.elapsed().as_secs();
    let failures = failures(&web);
    assert!(
        failures.len() as u64 <= seconds + 1,
        "{failures:?} in {seconds} s"
    );
    stop(&mut web.process, Signal::TERM).await;
}
