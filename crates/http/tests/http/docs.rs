//! The documentation of the api.

use bare_http::Limits;
use bare_testkit::problem::problem;
use rstest::rstest;
use serde_json::Value;

use crate::server::Server;

#[rstest]
#[case::page("/api/v1/docs")]
#[case::document("/api/v1/openapi.json")]
#[tokio::test]
async fn the_documentation_can_be_turned_off(#[case] path: &str) {
    assert_eq!(Server::start().await.get(path).await.status(), 200);

    let variables = [("API_DOCS", "false")];
    let app = Server::start_with(&variables, Limits::default()).await;
    problem(app.get(path).await, 404).await;
    assert_eq!(app.get("/").await.status(), 200);
}

#[tokio::test]
async fn the_page_arrives_whole_with_its_length() {
    let response = Server::start().await.get("/api/v1/docs").await;
    let length = response.content_length().unwrap();
    let page = response.text().await.unwrap();
    assert_eq!(page.len() as u64, length);
    assert!(page.trim_end().ends_with("</html>"));
}

#[tokio::test]
async fn the_page_loads_nothing_from_other_servers() {
    let response = Server::start().await.get("/api/v1/docs").await;
    assert_eq!(response.status(), 200);
    let policy = response.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        !policy.contains("http") && !policy.contains('*'),
        "{policy}"
    );

    assert!(policy.contains("script-src 'unsafe-inline'"), "{policy}");

    let page = response.text().await.unwrap();
    let markup = without(&without(&page, "script"), "style");
    assert!(markup.contains("<div id=\"ui\">"), "{markup}");
    assert!(
        !markup.contains("src=") && !markup.contains("href="),
        "{markup}"
    );
}

/// The page without what is between these tags.
fn without(page: &str, tag: &str) -> String {
    let (open, close) = (format!("<{tag}"), format!("</{tag}>"));
    let mut parts = page.split(&*open);
    let first = parts.next().unwrap_or_default();
    let rest = parts
        .filter_map(|part| part.split_once(&*close))
        .map(|(_, rest)| rest);
    std::iter::once(first).chain(rest).collect()
}

#[tokio::test]
async fn the_document_describes_bodies_and_errors() {
    let document: Value = Server::start()
        .await
        .get("/api/v1/openapi.json")
        .await
        .json()
        .await
        .unwrap();
    let operation = &document["paths"]["/thing"]["post"];
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(body["$ref"], "#/components/schemas/NewThing");
    let error = &operation["responses"]["default"]["content"]["application/problem+json"]["schema"];
    assert_eq!(error["$ref"], "#/components/schemas/Problem");

    let fields = &document["components"]["schemas"]["NewThing"]["properties"];
    assert_eq!(fields["name"]["maxLength"], 100);
}
