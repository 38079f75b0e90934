use std::future::{pending, ready};
use std::sync::Arc;
use std::time::Duration;

use dockerflow::checks::{Checks, Finding, Level};
use serde_json::json;
use tokio::sync::Barrier;

fn found(level: Level, id: &'static str, message: &'static str) -> Vec<Finding> {
    vec![Finding::new(level, id, message)]
}

#[tokio::test]
async fn a_report_without_checks_is_ok() {
    let report = Checks::new().run().await;
    assert_eq!(report.http_status(), 200);
    assert_eq!(
        serde_json::to_value(report).unwrap(),
        json!({"status": "ok", "checks": {}, "details": {}})
    );
}

#[tokio::test]
async fn a_report_has_the_format_of_python_dockerflow() {
    let checks = Checks::new()
        .register("database", async || Vec::new())
        .register("migrations", async || {
            found(Level::Warning, "migrations.0001", "two are pending")
        })
        .register("queue", async || {
            vec![
                Finding::new(Level::Info, "queue.0002", "one"),
                Finding::new(Level::Error, "queue.0001", "no worker serves default"),
                Finding::new(Level::Error, "queue.0001", "no worker serves mail"),
            ]
        });
    let report = checks.run().await;
    assert_eq!(report.http_status(), 500);
    assert_eq!(
        serde_json::to_value(report).unwrap(),
        json!({
            "status": "error",
            "checks": {"database": "ok", "migrations": "warning", "queue": "error"},
            "details": {
                "migrations": {
                    "status": "warning", "level": 30, "messages": {"migrations.0001": "two are pending"},
                },
                "queue": {
                    "status": "error", "level": 40, "messages": {
                        "queue.0001": "no worker serves default; no worker serves mail",
                        "queue.0002": "one",
                    },
                },
            },
        })
    );
}

#[tokio::test]
async fn only_an_error_or_worse_is_a_500() {
    for (level, status) in [
        (Level::Ok, 200),
        (Level::Info, 200),
        (Level::Warning, 200),
        (Level::Error, 500),
        (Level::Critical, 500),
    ] {
        let checks = Checks::new().register("it", move || ready(found(level, "it.0001", "")));
        assert_eq!(checks.run().await.http_status(), status, "{level}");
    }
}

#[tokio::test]
async fn checks_run_at_the_same_time() {
    let all_here = Arc::new(Barrier::new(2));
    let meet = move || {
        let all_here = Arc::clone(&all_here);
        async move {
            all_here.wait().await;
            Vec::new()
        }
    };
    let report = Checks::new()
        .register("a", meet.clone())
        .register("b", meet)
        .run()
        .await;
    assert_eq!(report.status, Level::Ok);
}

#[tokio::test]
async fn a_check_that_panics_is_an_error_and_does_not_affect_the_others() {
    fn breaks() -> std::future::Ready<Vec<Finding>> {
        panic!("before its future")
    }
    let checks = Checks::new()
        .register("breaks", breaks)
        .register("breaks later", async || panic!("in its future"))
        .register("works", async || Vec::new());
    let report = checks.run().await;
    assert_eq!(report.checks["breaks"], Level::Error);
    assert_eq!(report.checks["breaks later"], Level::Error);
    assert_eq!(report.checks["works"], Level::Ok);
    assert!(!format!("{report:?}").contains("its future"));
}

#[tokio::test]
async fn a_check_that_takes_too_long_is_an_error() {
    let checks = Checks::new()
        .register("hangs", pending)
        .timeout(Duration::from_millis(20));
    let report = checks.run().await;
    assert_eq!(report.checks["hangs"], Level::Error);
    assert!(report.details["hangs"].messages["checks.0002"].contains("20ms"));
}
