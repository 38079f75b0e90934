//! What the views do.

use bare_queue::entities::job;
use db::entities::user;
use reqwest::header;
use sea_orm::{EntityTrait as _, PaginatorTrait as _};
use serde_json::{Value, json};

use crate::server::Server;

const ADA: &str = r#"{"name":"ada","email":"ada@example.net"}"#;

#[tokio::test]
async fn the_index_greets_the_world() {
    let response = Server::start().await.get("/").await;
    assert_eq!(response.status(), 200);
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "text/plain; charset=utf-8"
    );
    assert_eq!(response.text().await.unwrap(), "Hello World!");
}

#[tokio::test]
async fn every_view_is_in_the_document() {
    let app = Server::start().await;
    let document: Value = app.get("/api/v1/openapi.json").await.json().await.unwrap();
    let paths = document["paths"].as_object().unwrap();
    let paths: Vec<&str> = paths.keys().map(String::as_str).collect();
    for path in ["/", "/{name}", "/user", "/user/{name}", "/job/{id}"] {
        assert!(paths.contains(&path), "{path}");
    }
}

#[tokio::test]
async fn a_greeting_is_plain_text_even_if_the_name_is_html() {
    let response = Server::start().await.get("/%3Cb%3EJ%C3%BCrgen").await;
    assert_eq!(response.status(), 200);
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "text/plain; charset=utf-8"
    );
    assert_eq!(response.text().await.unwrap(), "Hello <b>Jürgen");
}

#[tokio::test]
async fn a_new_user_is_accepted_and_can_be_shown() {
    let app = Server::start().await;
    let response = app.post_user(ADA).await;
    assert_eq!(response.status(), 202);
    assert_eq!(response.text().await.unwrap(), ADA);

    let response = app.get("/user/ada").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.unwrap(), ADA);
}

#[tokio::test]
async fn the_location_of_a_new_user_shows_the_job_without_its_payload() {
    let app = Server::start().await;
    let response = app.post_user(ADA).await;
    let location = response.headers()[header::LOCATION]
        .to_str()
        .unwrap()
        .to_owned();

    let response = app.get(&location).await;
    assert_eq!(response.status(), 200);
    let job: Value = response.json().await.unwrap();
    assert_eq!(location, format!("/job/{}", job["id"].as_str().unwrap()));
    assert_eq!(job["state"], "available");
    assert_eq!(job["attempt"], 0);
    let keys: Vec<_> = job.as_object().unwrap().keys().collect();
    let expected = [
        "id",
        "state",
        "attempt",
        "max_attempts",
        "created_at",
        "run_at",
    ];
    // What has not happened yet is missing: the document knows no null.
    assert_eq!(keys, expected);
}

#[tokio::test]
async fn a_job_records_the_request_that_enqueued_it() {
    let app = Server::start().await;
    let request = app
        .request("POST", "/user")
        .json(&json!({"name": "ada", "email": "ada@example.net"}));
    request
        .header("x-request-id", "my-request")
        .send()
        .await
        .unwrap();

    let job = job::Entity::find().one(&app.db).await.unwrap().unwrap();
    let origin = job.metadata.unwrap();
    assert_eq!(origin["request_id"], "my-request");
    assert_eq!(origin["enqueued_by"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn a_job_keeps_the_trace_and_the_valid_baggage_of_its_request() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let too_long = format!("key={}", "x".repeat(8192));
    for (baggage, kept) in [
        (&*format!("sentry-trace_id={TRACE},a=1"), true),
        (&*too_long, false),
        ("no list", false),
        ("a=\u{e9}", false),
    ] {
        let app = Server::start().await;
        let request = app
            .request("POST", "/user")
            .json(&json!({"name": "ada", "email": "ada@example.net"}));
        let response = request
            .header("sentry-trace", format!("{TRACE}-00f067aa0ba902b7-1"))
            .header("baggage", baggage)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 202);

        let job = job::Entity::find().one(&app.db).await.unwrap().unwrap();
        let origin = job.metadata.unwrap();
        let traceparent = origin["traceparent"].as_str().unwrap();
        assert!(
            traceparent.starts_with(&format!("00-{TRACE}-")),
            "{traceparent}"
        );
        assert_eq!(origin["baggage"].as_str(), kept.then_some(baggage));
    }
}

#[tokio::test]
async fn a_refused_user_leaves_no_row_and_no_job() {
    let app = Server::start().await;
    app.post_user(ADA).await;
    let response = app
        .post_user(r#"{"name":"bob","email":"ada@example.net"}"#)
        .await;
    assert_eq!(response.status(), 409);

    assert_eq!(user::Entity::find().count(&app.db).await.unwrap(), 1);
    assert_eq!(job::Entity::find().count(&app.db).await.unwrap(), 1);
}
