//! Processes of the service, and requests to them.

#![allow(dead_code, reason = "helpers for the tests that you write")]

use std::{
    collections::BTreeSet,
    time::{Duration, UNIX_EPOCH},
};

use e2e::{
    Backend, TestDatabase,
    process::{Process, Signal},
};
use reqwest::{Client, Response, header};
use serde_json::{Value, json};

/// Far longer than anything here takes, so that a test fails instead of hanging.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How long an idle process may take to stop: far less than the grace period.
pub const STOPS_WITHIN: Duration = Duration::from_secs(10);

/// A `web` process that listens.
pub struct Web {
    pub process: Process,
    client: Client,
    pub address: String,
}

impl Web {
    pub async fn start(database: &str, variables: &[(&str, &str)]) -> Self {
        Self::listening(Self::spawn(database, variables)).await
    }

    /// A process that may not listen yet.
    pub fn spawn(database: &str, variables: &[(&str, &str)]) -> Process {
        let mut all = vec![
            ("DATABASE_URL", database),
            ("HOST", "127.0.0.1"),
            ("PORT", "0"),
        ];
        all.extend(variables);
        Process::start("web", [], all)
    }

    /// Waits until the process listens.
    pub async fn listening(process: Process) -> Self {
        let is_it = |line: &str| line.contains("\"listening\"");
        let line: Value = parse(&process.wait_for_line(is_it, PATIENCE).await);
        let address = text(&line["Fields"]["address"]).to_owned();
        Self::at(process, address)
    }

    /// A process that is known to listen at this address.
    pub fn at(process: Process, address: String) -> Self {
        let client = Client::builder().timeout(PATIENCE).build().unwrap();
        Self {
            process,
            client,
            address,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub async fn get(&self, path: &str) -> Response {
        self.client.get(self.url(path)).send().await.unwrap()
    }

    /// The report with its details, which operators see. It needs `PROMETHEUS_PORT`.
    pub async fn heartbeat(&self) -> Value {
        let url = operators_url(&self.process).await + "/__heartbeat__";
        let response = self.client.get(url).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }

    /// Signs up a user, and returns the path that shows the job.
    pub async fn sign_up(&self, name: &str) -> String {
        let rid = format!("request-of-{name}");
        self.sign_up_with(name, &[("x-request-id", &rid)]).await
    }

    /// As [`sign_up`](Self::sign_up), with these headers.
    pub async fn sign_up_with(&self, name: &str, headers: &[(&str, &str)]) -> String {
        let user = json!({"name": name, "email": format!("{name}@example.net")});
        let mut request = self.client.post(self.url("/user")).json(&user);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 202, "{:?}", self.process.lines());
        let location = response.headers()[header::LOCATION].to_str();
        location.unwrap().to_owned()
    }

    /// Waits until the job at this path is completed.
    pub async fn completes(&self, job: &str) {
        self.becomes("completed", job).await;
    }

    /// Waits until the job at this path is in this state.
    pub async fn becomes(&self, state: &str, job: &str) {
        until(async || {
            let job: Value = self.get(job).await.json().await.unwrap();
            job["state"] == state
        })
        .await;
    }
}

/// Starts a `worker` process.
pub fn start_worker(database: &str, variables: &[(&str, &str)]) -> Process {
    let mut all = vec![("DATABASE_URL", database)];
    all.extend(variables);
    Process::start("worker", [], all)
}

/// A database that `migration up` has migrated. `None` if there is no PostgreSQL for this test.
pub async fn migrated(backend: Backend) -> Option<TestDatabase> {
    let database = TestDatabase::empty(backend).await?;
    let mut migration = Process::start("migration", ["up"], [("DATABASE_URL", database.url())]);
    ends_well(&mut migration, PATIENCE).await;
    Some(database)
}

/// The address of a process's port for Prometheus.
pub async fn operators_url(process: &Process) -> String {
    let is_it = |line: &str| line.contains("serving metrics to Prometheus");
    let line = parse(&process.wait_for_line(is_it, PATIENCE).await);
    let (_, port) = text(&line["Fields"]["address"]).rsplit_once(':').unwrap();
    format!("http://127.0.0.1:{port}")
}

/// Stops a process with a signal. Asserts that it exits quickly and with success, and that its
/// whole output is mozlog, unless it is `cargo dev`.
pub async fn stop(process: &mut Process, signal: Signal) {
    process.signal(signal);
    ends_well(process, STOPS_WITHIN).await;
    if process.name() != "dev" {
        log(process);
    }
}

async fn ends_well(process: &mut Process, patience: Duration) {
    let status = process.wait(patience).await;
    assert_eq!(status.code(), Some(0), "{:#?}", process.lines());
}

/// The name of the service as a word.
pub fn service_name() -> String {
    db::SERVICE.to_lowercase().replace(' ', "-")
}

/// The whole output of a process, which must be [mozlog]: each line is an object with exactly these
/// keys and with values of the right types.
///
/// [mozlog]: https://wiki.mozilla.org/Firefox/Services/Logging
pub fn log(process: &Process) -> Vec<Value> {
    let lines: Vec<Value> = process.lines().iter().map(|line| parse(line)).collect();
    for line in &lines {
        let keys: BTreeSet<_> = line
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(
            keys,
            BTreeSet::from([
                "EnvVersion",
                "Fields",
                "Hostname",
                "Logger",
                "Pid",
                "Severity",
                "Timestamp",
                "Type"
            ]),
            "{line}"
        );
        assert!(line["Timestamp"].as_u64().is_some_and(is_recent), "{line}");
        assert!(
            !text(&line["Type"]).is_empty() && !text(&line["Hostname"]).is_empty(),
            "{line}"
        );
        let logger = format!("{}-{}", service_name(), process.name());
        assert_eq!(line["Logger"], logger, "{line}");
        assert_eq!(line["EnvVersion"], "2.0", "{line}");
        assert_eq!(line["Pid"], process.id(), "{line}");
        assert!(
            line["Severity"]
                .as_u64()
                .is_some_and(|severity| severity <= 7),
            "{line}"
        );
        let fields = line["Fields"].as_object().unwrap();
        assert!(
            fields
                .values()
                .all(|value| !value.is_object() && !value.is_array()),
            "{line}"
        );
    }
    lines
}

/// Whether these nanoseconds since 1970 are within this hour.
fn is_recent(nanoseconds: u64) -> bool {
    let at = UNIX_EPOCH + Duration::from_nanos(nanoseconds);
    at.elapsed().is_ok_and(|age| age < Duration::from_hours(1))
}

/// The fields of the lines of this type.
pub fn fields_of(log: &[Value], kind: &str) -> Vec<Value> {
    let lines = log.iter().filter(|line| line["Type"] == kind);
    lines.map(|line| line["Fields"].clone()).collect()
}

/// Polls until the condition holds.
pub async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let timely = tokio::time::timeout(PATIENCE, looking).await;
    timely.expect("this takes too long");
}

fn parse(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
