use dockerflow::poem::{RequestId, SetRequestId};
use poem::endpoint::make_sync;
use poem::http::StatusCode;
use poem::{Endpoint as _, EndpointExt as _, Error, Request, Response};

async fn answer_to(sent: Option<&str>) -> (String, Response) {
    let service =
        make_sync(|request: Request| request.data::<RequestId>().unwrap().as_str().to_owned());
    let mut request = Request::builder();
    if let Some(id) = sent {
        request = request.header("X-Request-Id", id);
    }
    let mut response = service
        .with(SetRequestId)
        .call(request.finish())
        .await
        .unwrap();
    let seen = response.take_body().into_string().await.unwrap();
    (seen, response)
}

#[tokio::test]
async fn a_valid_id_is_kept_and_sent_back() {
    let (seen, response) = answer_to(Some("abc-1.2_3:4/5+6=")).await;
    assert_eq!(seen, "abc-1.2_3:4/5+6=");
    assert_eq!(response.header("x-request-id"), Some(seen.as_str()));
}

#[tokio::test]
async fn an_invalid_or_missing_id_is_replaced_by_a_new_one() {
    let long = "x".repeat(129);
    for sent in [
        None,
        Some(""),
        Some("a b"),
        Some("a\"b"),
        Some("a\tb"),
        Some("é"),
        Some(long.as_str()),
    ] {
        let (seen, response) = answer_to(sent).await;
        assert!(uuid::Uuid::parse_str(&seen).is_ok(), "{seen}");
        assert_eq!(response.header("x-request-id"), Some(seen.as_str()));
    }
    assert_ne!(answer_to(None).await.0, answer_to(None).await.0);
}

#[tokio::test]
async fn an_error_response_has_the_id_too() {
    let service =
        make_sync(|_| Err::<(), _>(Error::from_status(StatusCode::IM_A_TEAPOT))).with(SetRequestId);
    let request = Request::builder().header("X-Request-Id", "abc").finish();
    let response = service.call(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::IM_A_TEAPOT);
    assert_eq!(response.header("x-request-id"), Some("abc"));
}
