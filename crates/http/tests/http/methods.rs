//! Methods that a path supports, and those that it does not.

use bare_testkit::problem::problem;
use reqwest::header;
use rstest::rstest;

use crate::server::Server;

#[rstest]
#[case("PUT", "/thing", "OPTIONS, POST")]
#[case("POST", "/thing/lamp", "GET, HEAD, OPTIONS")]
#[case("DELETE", "/", "GET, HEAD, OPTIONS")]
#[case("PATCH", "/word", "GET, HEAD, OPTIONS")]
#[case("POST", "/__version__", "GET, HEAD, OPTIONS")]
#[case("POST", "/api/v1/docs", "GET, HEAD, OPTIONS")]
#[tokio::test]
async fn an_unsupported_method_is_answered_with_the_supported_ones(
    #[case] method: &str,
    #[case] path: &str,
    #[case] allow: &str,
) {
    let app = Server::start().await;
    let response = app.request(method, path).send().await.unwrap();
    assert_eq!(response.headers()[header::ALLOW], allow);
    problem(response, 405).await;

    let response = app.request("OPTIONS", path).send().await.unwrap();
    assert_eq!(response.status(), 204);
    assert_eq!(response.headers()[header::ALLOW], allow);
}

#[tokio::test]
async fn head_is_answered_as_get_without_the_body() {
    let app = Server::start().await;
    for path in ["/", "/word", "/__version__", "/api/v1/openapi.json"] {
        let response = app.request("HEAD", path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let content_type = response.headers()[header::CONTENT_TYPE].clone();
        assert_eq!(response.text().await.unwrap(), "");
        assert_eq!(
            content_type,
            app.get(path).await.headers()[header::CONTENT_TYPE]
        );
    }
    let response = app.request("HEAD", "/thing/nothing").send().await.unwrap();
    assert_eq!(response.status(), 404);
}

#[tokio::test]
async fn options_of_the_server_as_a_whole_are_answered() {
    let app = Server::start().await;
    let request = "OPTIONS * HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    let answer = app.send(request).await.rest().await;
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
}
