//! The Sentry endpoint.

use bare_testkit::sentry::SentryServer;

#[tokio::test]
async fn only_the_events_of_an_envelope_are_kept() {
    let sentry = SentryServer::start().await;
    let envelope = "{}\n{\"type\":\"session\"}\n{\"n\":1}\n{\"type\":\"event\"}\n{\"n\":2}\n";
    let dsn = url::Url::parse(&sentry.dsn()).unwrap();
    let url = dsn.join("/api/1/envelope/").unwrap();
    let client = reqwest::Client::new();
    let answer = client.post(url).body(envelope).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(sentry.wait_for(1).await, [serde_json::json!({"n": 2})]);
}
