//! Errors, as clients see them.

use bare_http::Limits;
use bare_testkit::problem::{pointers, problem};
use reqwest::header;
use rstest::rstest;

use crate::{api::LAMP, server::Server};

#[rstest]
#[case::broken("{\"name\":\"s3cret\"", 400, &[])]
#[case::empty("", 400, &[])]
#[case::not_utf8(b"{\"name\":\"s3cret\xff\"}", 400, &[])]
#[case::twice_the_same_name(r#"{"name":"s3cret","name":"s3cret"}"#, 400, &[])]
#[case::more_than_one_value(r#"{"name":"s3cret"} "s3cret""#, 400, &[])]
#[case::nested_too_deep([b'['; 1000], 400, &[])]
#[case::huge_number(r#"{"name":1e999}"#, 400, &[])]
#[case::an_array(r#"["s3cret"]"#, 422, &[""])]
#[case::a_string(r#""s3cret""#, 422, &[""])]
#[case::null("null", 422, &[""])]
#[case::no_name(r#"{"code":"s3cret"}"#, 422, &["/name"])]
#[case::a_number_as_name(r#"{"name":73,"code":"s3cret"}"#, 422, &["/name"])]
#[case::nul_in_the_name(r#"{"name":"s3cret\u0000","code":"s3cret"}"#, 422, &["/name"])]
#[case::space_around_the_name(r#"{"name":" s3cret","code":"s3cret"}"#, 422, &["/name"])]
#[case::no_code(r#"{"name":"s3cret","code":"s3cret!"}"#, 422, &["/code"])]
#[case::all_that_is_wrong(r#"{"code":"s3cret!","more":"s3cret"}"#, 422, &["/code", "/name"])]
#[tokio::test]
async fn a_wrong_body_is_explained_without_repeating_it(
    #[case] body: impl AsRef<[u8]>,
    #[case] status: u16,
    #[case] expected: &[&str],
) {
    let app = Server::start().await;
    let problem = problem(app.post_thing(body.as_ref().to_vec()).await, status).await;
    assert_eq!(pointers(&problem), expected);
    assert!(!problem.to_string().contains("s3cret"), "{problem}");
}

#[rstest]
#[case::form(Some("application/x-www-form-urlencoded"), 415)]
#[case::text(Some("text/json"), 415)]
#[case::none(None, 415)]
#[case::charset(Some("Application/JSON; charset=utf-8"), 202)]
#[case::json_of_a_kind(Some("application/vnd.example+json"), 202)]
#[tokio::test]
async fn a_body_needs_the_content_type_of_json(
    #[case] content_type: Option<&str>,
    #[case] status: u16,
) {
    let app = Server::start().await;
    let mut request = app.request("POST", "/thing").body(LAMP);
    if let Some(content_type) = content_type {
        request = request.header(header::CONTENT_TYPE, content_type);
    }
    let response = request.send().await.unwrap();
    if status == 415 {
        problem(response, 415).await;
    } else {
        assert_eq!(response.status(), status);
    }
}

#[rstest]
#[case::nothing("/thing/nothing")]
#[case::a_name_that_nothing_can_have("/thing/a%00b")]
#[case::no_text("/thing/%FF")]
#[case::no_route("/a/b/c")]
#[case::no_number("/number/x")]
#[case::query("/a/b/c?s3cret=s3cret")]
#[tokio::test]
async fn an_unknown_path_is_404(#[case] path: &str) {
    let problem = problem(Server::start().await.get(path).await, 404).await;
    assert!(!problem.to_string().contains("s3cret"), "{problem}");
}

#[tokio::test]
async fn a_panic_is_500_without_its_message() {
    let app = Server::start_with(&[("ERROR_ENDPOINT", "true")], Limits::default()).await;
    let problem = problem(app.get("/__error__").await, 500).await;
    assert!(!problem.to_string().contains("panic"), "{problem}");
    assert_eq!(app.get("/").await.status(), 200);
}

#[rstest]
#[case::none("GET / HTTP/1.1\r\n")]
#[case::two("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n")]
#[tokio::test]
async fn a_request_without_exactly_one_host_is_refused(#[case] head: &str) {
    let app = Server::start().await;
    let request = format!("{head}Connection: close\r\n\r\n");
    let answer = app.send(&request).await.rest().await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("application/problem+json"), "{answer}");
}

#[tokio::test]
async fn a_compressed_body_is_refused_as_such() {
    let app = Server::start().await;
    let request = app.request("POST", "/thing").body("\u{1f}\u{8b}");
    let request = request
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONTENT_ENCODING, "gzip");
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()[header::ACCEPT_ENCODING], "identity");
    problem(response, 415).await;
}
