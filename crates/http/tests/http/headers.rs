//! Headers that every answer has.

use bare_http::Limits;
use rstest::rstest;

use crate::server::Server;

#[rstest]
#[case::taken_over("Root=1-67891233-abcdef", true)]
#[case::too_long(&"x".repeat(129), false)]
#[case::not_harmless("a b", false)]
#[tokio::test]
async fn a_request_id_is_kept_if_it_is_short_and_safe(
    #[case] id: &str,
    #[case] is_taken_over: bool,
) {
    let app = Server::start().await;
    for path in ["/", "/a/b/c"] {
        let response = app
            .request("GET", path)
            .header("x-request-id", id)
            .send()
            .await
            .unwrap();
        let echo = response.headers()["x-request-id"].to_str().unwrap();
        assert_eq!(echo == id, is_taken_over, "{echo}");
        assert!(!echo.is_empty());
    }
}

#[rstest]
#[case::view("/")]
#[case::error("/a/b/c")]
#[case::panic("/__error__")]
#[case::documentation("/api/v1/docs")]
#[tokio::test]
async fn every_answer_has_security_headers(#[case] path: &str) {
    let app = Server::start_with(&[("ERROR_ENDPOINT", "true")], Limits::default()).await;
    let response = app.get(path).await;
    for (name, value) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("strict-transport-security", "max-age=31536000"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(response.headers()[name], value);
    }
    let policy = response.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    assert!(policy.ends_with("frame-ancestors 'none'"), "{policy}");
}
