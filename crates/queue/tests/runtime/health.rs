//! The worker's endpoints.

use bare_queue::{
    Task as _,
    testing::{RunningWorker, SCHEMA},
};
use bare_testkit::{
    Backend, TestDatabase,
    postgres::{Server, StopMode},
};
use reqwest::StatusCode;
use rstest::rstest;
use serde_json::Value;

use crate::queue::{Queue, Work, tasks, until};

const VARIABLES: [(&str, &str); 2] = [("WORKER_PORT", "0"), ("JOB_LEASE_SECONDS", "2")];

async fn start(queue: &Queue) -> RunningWorker {
    queue.start(tasks(async |_, _| Ok(())), &VARIABLES).await
}

async fn get(worker: &RunningWorker, path: &str) -> (StatusCode, Value) {
    let port = worker.address().expect("WORKER_PORT is set").port();
    let response = reqwest::get(format!("http://127.0.0.1:{port}{path}")).await;
    let response = response.unwrap();
    (response.status(), response.json().await.unwrap_or_default())
}

/// Waits until the heartbeat fails because of this check.
async fn fails(worker: &RunningWorker, check: &str) -> Value {
    until(async || {
        let (status, report) = get(worker, "/__heartbeat__").await;
        (report["checks"][check] == "error").then(|| {
            assert_eq!(status, 500);
            report
        })
    })
    .await
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_worker_passes_its_health_checks(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let worker = start(&queue).await;
    let job = queue.enqueue(Work(0).job()).await;
    queue.finished(job).await;
    let (status, report) = get(&worker, "/__heartbeat__").await;
    assert_eq!((status.as_u16(), &report["status"]), (200, &"ok".into()));
    assert_eq!(report["checks"]["worker"], "ok");
    assert_eq!(get(&worker, "/__lbheartbeat__").await.0, 200);
    let (_, version) = get(&worker, "/__version__").await;
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_without_a_database_fails_its_health_check_until_the_database_is_back() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let database = TestDatabase::with_schema_on(&server, "health", SCHEMA).await;
    let queue = Queue { database };
    let worker = start(&queue).await;
    server.stop(StopMode::Fast);
    let report = fails(&worker, "worker").await;
    let said = report["details"]["worker"]["messages"]["worker.0001"].as_str();
    assert_eq!(said, Some("the lease was not renewed for 2s"));
    // The process itself is healthy.
    assert_eq!(get(&worker, "/__lbheartbeat__").await.0, 200);

    server.start_again();
    until(async || (get(&worker, "/__heartbeat__").await.0 == 200).then_some(())).await;
    worker.stop().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_renews_its_lease_but_cannot_claim_fails_its_health_check(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let worker = start(&queue).await;
    // The database lets no job run.
    let (forbid, allow) = match backend {
        Backend::Postgres => (
            "ALTER TABLE job ADD CONSTRAINT none_runs CHECK (state <> 'running')",
            "ALTER TABLE job DROP CONSTRAINT none_runs",
        ),
        Backend::Sqlite => (
            "CREATE TRIGGER none_runs BEFORE UPDATE ON job WHEN NEW.state = 'running'
             BEGIN SELECT RAISE(ABORT, 'none runs'); END",
            "DROP TRIGGER none_runs",
        ),
    };
    queue.database.execute(forbid).await;
    let id = queue.enqueue(Work(0).job()).await;
    let report = fails(&worker, "worker").await;
    let said = report["details"]["worker"]["messages"]["worker.0002"].as_str();
    assert_eq!(said, Some("nothing could be claimed for 2s from: default"));

    queue.database.execute(allow).await;
    queue.finished(id).await;
    until(async || (get(&worker, "/__heartbeat__").await.0 == 200).then_some(())).await;
    worker.stop().await;
}
