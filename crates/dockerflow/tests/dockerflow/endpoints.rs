use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use dockerflow::checks::{Checks, Finding, Level};
use dockerflow::poem::{operators_routes, routes};
use dockerflow::version::Version;
use futures_util::{FutureExt as _, future::join_all};
use poem::http::{Method, StatusCode};
use poem::{Endpoint as _, Request, Response, Route};
use serde_json::{Value, json};

fn version() -> Version {
    let [source, version, commit, build] =
        ["https://s", "1.0", "abc", "https://b"].map(str::to_owned);
    Version {
        source,
        version,
        commit,
        build,
    }
}

fn service(checks: Checks) -> Route {
    routes(version(), checks, false)
}

async fn ask(service: &Route, method: Method, path: &str) -> Response {
    let request = Request::builder().method(method).uri_str(path).finish();
    service.get_response(request).await
}

async fn json_of(response: Response) -> Value {
    assert_eq!(
        response.content_type(),
        Some("application/json; charset=utf-8")
    );
    serde_json::from_str(&response.into_body().into_string().await.unwrap()).unwrap()
}

#[tokio::test]
async fn the_version_endpoint_answers_the_version_object() {
    let response = ask(&service(Checks::new()), Method::GET, "/__version__").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        json_of(response).await,
        json!({"source": "https://s", "version": "1.0", "commit": "abc", "build": "https://b"})
    );
}

#[tokio::test]
async fn lbheartbeat_runs_no_check() {
    let checks = Checks::new().register("never", async || panic!("a check was run"));
    let response = ask(&service(checks), Method::GET, "/__lbheartbeat__").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.into_body().into_string().await.unwrap(), "");
}

#[tokio::test]
async fn however_many_ask_for_the_heartbeat_the_checks_run_once_a_second() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let checks = Checks::new().register("slow", async || {
        RUNS.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(20)).await;
        Vec::new()
    });
    let service = service(checks);
    let all = (0..20).map(|_| ask(&service, Method::GET, "/__heartbeat__"));
    for response in join_all(all).await {
        assert_eq!(json_of(response).await["checks"]["slow"], "ok");
    }
    assert_eq!(RUNS.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn heartbeat_answers_the_report_with_its_status_and_details_only_inside() {
    let well = ask(&service(Checks::new()), Method::GET, "/__heartbeat__").await;
    assert_eq!(well.status(), StatusCode::OK);
    assert_eq!(json_of(well).await["status"], "ok");

    let ill = Checks::new().register("it", async || {
        vec![Finding::new(Level::Critical, "it.0001", "gone")]
    });
    let answer = ask(&service(ill.clone()), Method::GET, "/__heartbeat__").await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let body = json_of(answer).await;
    assert_eq!(
        body,
        json!({"status": "critical", "checks": {"it": "critical"}})
    );

    let inside = operators_routes(version(), ill);
    let answer = ask(&inside, Method::GET, "/__heartbeat__").await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(
        json_of(answer).await["details"]["it"]["messages"]["it.0001"],
        "gone"
    );
}

#[tokio::test]
async fn head_is_answered_as_get_without_the_body() {
    let ill = Checks::new().register("it", async || {
        vec![Finding::new(Level::Error, "it.0001", "gone")]
    });
    for (path, status) in [
        ("/__version__", 200),
        ("/__heartbeat__", 500),
        ("/__lbheartbeat__", 200),
    ] {
        let response = ask(&service(ill.clone()), Method::HEAD, path).await;
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(response.into_body().into_string().await.unwrap(), "");
    }
}

#[tokio::test]
async fn the_error_endpoint_exists_only_if_enabled() {
    let response = ask(&service(Checks::new()), Method::GET, "/__error__").await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);

    let opened = routes(version(), Checks::new(), true);
    let panicked = std::panic::AssertUnwindSafe(ask(&opened, Method::GET, "/__error__"))
        .catch_unwind()
        .await;
    assert!(panicked.is_err());
}
