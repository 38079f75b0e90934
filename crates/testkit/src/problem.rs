//! Problem documents (RFC 9457) in responses.

use reqwest::{Response, header};
use serde_json::Value;

/// Reads the problem of a response, and asserts its status and its form.
pub async fn problem(response: Response, status: u16) -> Value {
    let head = format!("{response:?}");
    assert_eq!(response.status(), status, "{head}");
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "application/problem+json"
    );
    let request_id = response.headers()["x-request-id"]
        .to_str()
        .expect("a problem")
        .to_owned();
    let path = response.url().path().to_owned();

    let problem: Value = response.json().await.expect("a problem");
    assert_eq!(problem["type"], "about:blank");
    assert_eq!(problem["status"], status);
    assert_eq!(problem["instance"], path);
    assert_eq!(problem["request_id"], request_id);
    assert!(!problem["title"].as_str().expect("a problem").is_empty());
    assert!(!problem["detail"].as_str().expect("a problem").is_empty());
    problem
}

/// The pointers of a problem's errors, in order.
pub fn pointers(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().into_iter().flatten();
    errors
        .map(|error| error["pointer"].as_str().expect("a problem"))
        .collect()
}
