//! Errors, as clients see them.

use e2e::problem::{pointers, problem};
use reqwest::header;
use rstest::rstest;
use sea_orm::ConnectionTrait as _;

use crate::server::Server;

#[rstest]
#[case::no_name(r#"{"email":"s3cret@example.net"}"#, 422, &["/name"])]
#[case::a_number_as_name(r#"{"name":73,"email":"s3cret@example.net"}"#, 422, &["/name"])]
#[case::nul_in_the_name(r#"{"name":"s3cret\u0000","email":"s3cret@example.net"}"#, 422, &["/name"])]
#[case::space_around_the_name(r#"{"name":" s3cret","email":"s3cret@example.net"}"#, 422, &["/name"])]
#[case::no_address(r#"{"name":"s3cret","email":"s3cret"}"#, 422, &["/email"])]
#[case::all_that_is_wrong(r#"{"email":"s3cret","more":"s3cret"}"#, 422, &["/email", "/name"])]
#[tokio::test]
async fn an_invalid_body_is_explained_but_not_repeated(
    #[case] body: impl AsRef<[u8]>,
    #[case] status: u16,
    #[case] expected: &[&str],
) {
    let app = Server::start().await;
    let problem = problem(app.post_user(body.as_ref().to_vec()).await, status).await;
    assert_eq!(pointers(&problem), expected);
    assert!(!problem.to_string().contains("s3cret"), "{problem}");
}

#[rstest]
#[case::name(r#"{"name":"s3cret","email":"else@example.net"}"#, "/name")]
#[case::email(r#"{"name":"else","email":"s3cret@example.net"}"#, "/email")]
#[tokio::test]
async fn a_taken_value_is_a_conflict_that_points_at_the_field(
    #[case] body: &'static str,
    #[case] pointer: &str,
) {
    let app = Server::start().await;
    app.post_user(r#"{"name":"s3cret","email":"s3cret@example.net"}"#)
        .await;
    let problem = problem(app.post_user(body).await, 409).await;
    assert_eq!(pointers(&problem), [pointer]);
    assert!(!problem.to_string().contains("s3cret"), "{problem}");
}

#[rstest]
#[case::nobody("/user/nobody")]
#[case::a_name_that_nobody_can_have("/user/a%00b")]
#[case::no_job("/job/0190f6e2-7c1e-7d3a-8000-000000000000")]
#[case::no_uuid("/job/1")]
#[tokio::test]
async fn a_missing_user_or_job_is_a_404(#[case] path: &str) {
    problem(Server::start().await.get(path).await, 404).await;
}

#[tokio::test]
async fn a_failed_statement_is_a_500_that_hides_the_cause() {
    let app = Server::start().await;
    app.db
        .execute_unprepared(r#"DROP TABLE "user""#)
        .await
        .unwrap();
    let problem = problem(app.get("/user/ada").await, 500).await;
    assert!(!problem.to_string().contains("table"), "{problem}");
}

#[tokio::test]
async fn without_a_database_clients_are_told_to_retry_later() {
    let app = Server::start().await;
    app.db.clone().close().await.unwrap();
    for path in ["/user/ada", "/job/0190f6e2-7c1e-7d3a-8000-000000000000"] {
        let response = app.get(path).await;
        assert!(response.headers().contains_key(header::RETRY_AFTER));
        problem(response, 503).await;
    }
}
