//! The metrics of both processes: `/metrics`, and what they send to StatsD.

use std::{
    collections::BTreeSet,
    iter,
    net::{TcpListener, UdpSocket},
    time::Duration,
};

use dockerflow::metrics::{METRICS, Metric};
use e2e::{
    Backend::{self, Postgres, Sqlite},
    process::{Process, Signal},
    smtp::SmtpServer,
};
use rstest::rstest;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::service::{
    PATIENCE, Web, migrated, operators_url, service_name, start_worker, stop, until,
};

/// Any free port.
const ON: (&str, &str) = ("PROMETHEUS_PORT", "0");

/// The URL of a process's metrics.
async fn url_of(process: &Process) -> String {
    operators_url(process).await + "/metrics"
}

/// The current metrics of a process.
async fn page_of(process: &Process) -> String {
    let answer = reqwest::get(url_of(process).await).await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.text().await.unwrap()
}

/// The value of a time series, written as on the page.
fn value(page: &str, series: &str) -> Option<f64> {
    let line = page.lines().find_map(|line| line.strip_prefix(series))?;
    line.strip_prefix(' ')?.parse().ok()
}

/// The metrics that have a value on a page.
fn names(page: &str) -> BTreeSet<&str> {
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types
        .filter_map(|line| line.split_whitespace().next())
        .collect()
}

#[rstest]
#[tokio::test]
async fn every_metric_appears_after_requests_failures_and_a_rescue(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(database) = migrated(backend).await else {
        return;
    };
    let smtp = SmtpServer::start();
    let smtp_url = smtp.url();
    let variables = [
        ON,
        ("SMTP_URL", smtp_url.as_str()),
        ("JOB_LEASE_SECONDS", "2"),
    ];
    let web = Web::start(database.url(), &[ON]).await;

    // A worker dies while it sends the first mail.
    smtp.hang();
    let mut first = start_worker(database.url(), &variables);
    let rescued = web.sign_up("ada").await;
    until(async || smtp.connections() > 0).await;
    first.signal(Signal::KILL);
    smtp.behave();
    let mut worker = start_worker(database.url(), &variables);
    web.completes(&rescued).await;
    // The second mail is refused permanently.
    smtp.reply_to_rcpt(1, 550, "no such mailbox");
    web.sign_up("bob").await;
    web.get("/no/such/page").await;

    let kind = "kind=\"send_welcome_email\"";
    let dead = format!("job_attempts_total{{{kind},outcome=\"dead\"}}");
    until(async || value(&page_of(&worker).await, &dead) == Some(1.0)).await;
    let page = page_of(&worker).await;
    for (series, expected) in [
        ("job_rescued_total{outcome=\"requeued\"}".to_owned(), 1.0),
        ("job_claimed_total{queue=\"default\"}".to_owned(), 2.0),
        (
            format!("job_attempts_total{{{kind},outcome=\"completed\"}}"),
            1.0,
        ),
        (format!("job_attempt_duration_seconds_count{{{kind}}}"), 2.0),
        (format!("job_wait_seconds_count{{{kind}}}"), 2.0),
        (
            "database_pool_max_connections{pool=\"worker-queue\"}".to_owned(),
            1.0,
        ),
        ("log_lines_dropped_total".to_owned(), 0.0),
    ] {
        assert_eq!(value(&page, &series), Some(expected), "{series} in {page}");
    }

    let posts = "http_requests_total{method=\"POST\",route=\"/user\",status=\"2xx\"}";
    let page_of_web = page_of(&web.process).await;
    assert_eq!(value(&page_of_web, posts), Some(2.0), "{page_of_web}");

    let seen: BTreeSet<&str> = names(&page).union(&names(&page_of_web)).copied().collect();
    let [database, queue] = worker::METRICS;
    let lists: [&[&Metric]; 4] = [&METRICS, database, queue, &web::METRICS];
    let mut listed: BTreeSet<&str> = lists.concat().iter().map(|metric| metric.name).collect();
    if backend == Sqlite {
        // SQLite has no listener.
        listed.remove("queue_listener_up");
    }
    assert_eq!(seen, listed);
    stop(&mut worker, Signal::TERM).await;
}

#[tokio::test]
async fn waiting_jobs_and_workers_of_each_queue_are_counted() {
    let database = migrated(Sqlite).await.unwrap();
    let web = Web::start(database.url(), &[]).await;
    let job = web.sign_up("ada").await;
    let id = job.trim_start_matches("/job/").replace('-', "");
    database
        .execute(&format!(
            "UPDATE job SET queue = 'other', run_at = '2026-01-01T00:00:00.000Z' WHERE id = X'{id}'"
        ))
        .await;
    let worker = start_worker(database.url(), &[ON]);
    let waiting = "queue_jobs{queue=\"other\",state=\"available\"}";
    until(async || value(&page_of(&worker).await, waiting) == Some(1.0)).await;
    let page = page_of(&worker).await;
    let workers = |queue| value(&page, &format!("queue_workers{{queue=\"{queue}\"}}"));
    assert_eq!(
        (workers("default"), workers("other")),
        (Some(1.0), Some(0.0))
    );
    let age = value(&page, "queue_oldest_job_age_seconds{queue=\"other\"}");
    assert!(age.is_some_and(|age| age > 3600.0), "{age:?}");
}

#[tokio::test]
async fn clients_cannot_create_labels() {
    let database = migrated(Sqlite).await.unwrap();
    let web = Web::start(database.url(), &[ON]).await;
    let client = reqwest::Client::new();
    for number in 0..20 {
        web.get(&format!("/somebody-{number}")).await;
        web.get(&format!("/no/such/page-{number}")).await;
        let method = reqwest::Method::from_bytes(format!("M{number}").as_bytes()).unwrap();
        let request = client.request(method, web.url("/user"));
        assert_eq!(request.send().await.unwrap().status(), 405);
    }
    let page = page_of(&web.process).await;
    let counted = |labels| value(&page, &format!("http_requests_total{{{labels}}}"));
    for labels in [
        r#"method="GET",route="/{name}",status="2xx""#,
        r#"method="GET",route="none",status="4xx""#,
        r#"method="other",route="/user",status="4xx""#,
    ] {
        assert_eq!(counted(labels), Some(20.0), "{labels} in {page}");
    }
    let series = page
        .lines()
        .filter(|line| line.starts_with("http_requests_total{"));
    assert_eq!(series.count(), 3, "{page}");
}

#[tokio::test]
async fn a_request_whose_client_leaves_counts_under_its_route() {
    let Some(database) = migrated(Postgres).await else {
        return;
    };
    let web = Web::start(database.url(), &[ON]).await;
    let lock = bare_database::begin(&database.db).await.unwrap();
    lock.execute_unprepared(r#"LOCK TABLE "user""#)
        .await
        .unwrap();
    let client = reqwest::Client::builder().timeout(Duration::from_secs(3));
    let request = client.build().unwrap().get(web.url("/user/ada")).send();
    let request = tokio::spawn(request);
    let in_flight = async || value(&page_of(&web.process).await, "http_requests_in_flight");
    until(async || in_flight().await == Some(1.0)).await;
    assert!(request.await.unwrap().is_err());
    let gone = r#"http_requests_total{method="GET",route="/user/{name}",status="4xx"}"#;
    until(async || value(&page_of(&web.process).await, gone) == Some(1.0)).await;
    assert_eq!(in_flight().await, Some(0.0));
}

#[tokio::test]
async fn the_prometheus_port_serves_only_the_metrics_and_the_report_of_the_checks() {
    let database = migrated(Sqlite).await.unwrap();
    let web = Web::start(database.url(), &[ON]).await;
    let metrics = url_of(&web.process).await;
    for path in ["/", "/health", "/metrics/", "/__version__"] {
        let url = metrics.replace("/metrics", path);
        assert_eq!(reqwest::get(&url).await.unwrap().status(), 404, "{url}");
    }
    assert_eq!(web.heartbeat().await["details"], json!({}));
    let outside: Value = web.get("/__heartbeat__").await.json().await.unwrap();
    assert_eq!(outside["details"], Value::Null);
    assert_eq!(
        web.get("/metrics").await.text().await.unwrap(),
        "Hello metrics"
    );
}

#[rstest]
#[case("web")]
#[case("worker")]
#[tokio::test]
async fn a_port_in_use_is_reported_at_the_start(#[case] name: &str) {
    let database = migrated(Sqlite).await.unwrap();
    let taken = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let variables = [
        ("DATABASE_URL", database.url()),
        ("PORT", "0"),
        ("PROMETHEUS_PORT", &port),
    ];
    let mut process = Process::start(name, [], variables);
    assert_eq!(process.wait(PATIENCE).await.code(), Some(1));
    let said = process.lines().join("\n");
    let expected = format!(":{port} (PROMETHEUS_PORT)");
    assert!(said.contains(&expected), "{said}");
}

/// The lines that have arrived at a StatsD server.
fn received(statsd: &UdpSocket) -> Vec<String> {
    statsd.set_nonblocking(true).unwrap();
    let mut packet = [0; 8192];
    let packets = iter::from_fn(|| {
        let length = statsd.recv(&mut packet).ok()?;
        Some(String::from_utf8(packet[..length].to_vec()).unwrap())
    });
    let packets: Vec<String> = packets.collect();
    let lines = packets.iter().flat_map(|packet| packet.lines());
    lines.map(str::to_owned).collect()
}

#[tokio::test]
async fn statsd_gets_the_same_metrics_as_prometheus_with_tags() {
    let database = migrated(Sqlite).await.unwrap();
    let statsd = UdpSocket::bind("127.0.0.1:0").unwrap();
    let url = format!("udp://{}", statsd.local_addr().unwrap());
    let web = Web::start(database.url(), &[ON, ("STATSD_URL", &url)]).await;
    web.get("/ada").await;
    let page = page_of(&web.process).await;
    let series = r#"http_requests_total{method="GET",route="/{name}",status="2xx"}"#;
    assert_eq!(value(&page, series), Some(1.0), "{page}");

    let of_process = format!(
        "service:{},process:web,instance:{}",
        service_name(),
        dockerflow::hostname()
    );
    let of_request = format!("method:GET,route:/{{name}},status:2xx,{of_process}");
    let mut lines = Vec::new();
    for (start, end) in [
        ("http_requests_total:1", format!("|c|#{of_request}")),
        (
            "http_request_duration_seconds:0.",
            format!("|h|@1.0|#{of_request}"),
        ),
        (
            "process_resident_memory_bytes:",
            format!("|g|#{of_process}"),
        ),
        (
            "database_pool_max_connections:10",
            format!("|g|#pool:web,{of_process}"),
        ),
    ] {
        until(async || {
            lines.extend(received(&statsd));
            lines
                .iter()
                .any(|line| line.starts_with(start) && line.ends_with(&end))
        })
        .await;
    }
}
