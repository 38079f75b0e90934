//! The report of `/__heartbeat__` on the schema, with any state of which `web` serves, and the
//! result of `web healthcheck`.

use e2e::{
    Backend::{self, Postgres, Sqlite},
    TestDatabase,
    process::{Process, Signal, free_port},
};
use rstest::rstest;

use crate::service::{PATIENCE, Web, migrated, start_worker, stop};

#[rstest]
#[tokio::test]
async fn web_serves_while_migrations_are_pending_and_lists_them(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(database) = TestDatabase::empty(backend).await else {
        return;
    };
    migration::SCHEMA.up(&database.db, Some(1)).await.unwrap();
    let web = Web::start(database.url(), &[("PROMETHEUS_PORT", "0")]).await;
    assert_eq!(web.get("/ada").await.status(), 200);
    let heartbeat = web.heartbeat().await;
    assert_eq!(heartbeat["status"], "warning");
    assert_eq!(heartbeat["checks"]["database"], "ok");
    let said = heartbeat["details"]["migrations"]["messages"].to_string();
    assert!(
        said.contains("pending: m20261120_000002_create_job"),
        "{said}"
    );
}

#[rstest]
#[tokio::test]
async fn web_serves_on_a_newer_schema_and_reports_it(#[values(Sqlite, Postgres)] backend: Backend) {
    let Some(database) = TestDatabase::migrated(backend).await else {
        return;
    };
    database
        .execute("INSERT INTO seaql_migrations VALUES ('m29991231_000000_later', 0)")
        .await;
    let web = Web::start(database.url(), &[("PROMETHEUS_PORT", "0")]).await;
    web.sign_up("ada").await;
    let heartbeat = web.heartbeat().await;
    assert_eq!(heartbeat["status"], "warning");
    let said = heartbeat["details"]["migrations"]["messages"].to_string();
    assert!(said.contains("ahead: m29991231_000000_later"), "{said}");
}

/// Runs it as an image's health check. It needs no setting of the service but the port.
async fn healthcheck(port: &str) -> (bool, String) {
    let variables = [("PORT", port)];
    let mut process = Process::start("web", ["healthcheck"], variables);
    let status = process.wait(PATIENCE).await;
    (status.success(), process.lines().join("\n"))
}

#[tokio::test]
async fn a_healthcheck_succeeds_while_web_answers_and_fails_afterwards() {
    let Some(database) = migrated(Sqlite).await else {
        return;
    };
    let port = free_port().to_string();
    let mut web = Web::start(database.url(), &[("PORT", &port)]).await;
    assert_eq!(healthcheck(&port).await, (true, String::new()));
    stop(&mut web.process, Signal::TERM).await;
    let (is_well, said) = healthcheck(&port).await;
    assert!(!is_well);
    assert!(said.contains("nothing answers on 127.0.0.1"), "{said}");
}

#[tokio::test]
async fn a_worker_says_at_its_start_which_tasks_no_worker_serves() {
    let database = migrated(Sqlite).await.unwrap();
    let says_so = |line: &str| line.contains("no worker serves the queue of this task");
    let other = start_worker(database.url(), &[("WORKER_QUEUES", "other:1")]);
    let line = other.wait_for_line(says_so, PATIENCE).await;
    assert!(line.contains("send_welcome_email"), "{line}");
}
