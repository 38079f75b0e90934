//! Settings of processes in their environment.

use dockerflow::settings::{EXIT_CODE, Variable, table};
use e2e::process::Process;
use rstest::rstest;

use crate::service::PATIENCE;

/// The error of a process that does not start with these variables.
async fn refusal(name: &str, variables: &[(&str, &str)]) -> String {
    let mut process = Process::start(name, [], variables.iter().copied());
    let status = process.wait(PATIENCE).await;
    assert_eq!(status.code(), Some(EXIT_CODE));
    process.lines().join("\n")
}

#[tokio::test]
async fn the_worker_names_all_wrong_settings_at_once() {
    let wrong = [
        ("LOG_FORMAT", "y"),
        ("WORKER_QUEUES", "z:"),
        ("DATABASE_URL", "nonsense:hunter2"),
        ("SMTP_URL", "smtp://user:hunter2@host:x"),
        ("DATABASE_LISTEN_URL", "sqlite://hunter2"),
        ("JOB_LEASE_SECONDS", "0"),
        ("PROMETHEUS_PORT", "65536"),
        ("STATSD_URL", "tcp://host:8125"),
    ];
    let text = refusal("worker", &wrong).await;
    for (name, _) in wrong {
        assert!(text.contains(name), "{name} is not in: {text}");
    }
    assert!(text.contains("name:concurrency,… is accepted"), "{text}");
    assert!(
        text.contains("postgres://user:password@host/name"),
        "{text}"
    );
    assert!(!text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn web_names_all_wrong_and_missing_settings_at_once() {
    let text = refusal("web", &[("PORT", "x"), ("LOG_FORMAT", "y")]).await;
    for name in ["PORT", "LOG_FORMAT", "DATABASE_URL"] {
        assert!(text.contains(name), "{name} is not in: {text}");
    }
}

#[rstest]
#[case("web", table::<web::Settings>())]
#[case("worker", table::<worker::Settings>())]
#[case("migration", table::<bare_database::migrate::Settings>())]
#[tokio::test]
async fn help_lists_every_variable(#[case] name: &str, #[case] variables: Vec<Variable>) {
    let secret = ("DATABASE_URL", "postgres://user:hunter2@host/name");
    let mut process = Process::start(name, ["--help"], [secret]);
    assert!(process.wait(PATIENCE).await.success());
    let help = process.lines().join("\n");
    for variable in variables {
        assert!(help.contains(&format!("[env: {}", variable.name)), "{help}");
        let default = variable.default.unwrap_or_default();
        assert!(help.contains(&default), "{default} is not in: {help}");
    }
    assert!(!help.contains("hunter2"), "{help}");
}
