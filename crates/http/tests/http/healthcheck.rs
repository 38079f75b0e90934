//! Whether a service in the same container answers.

use bare_http::Healthcheck;

use crate::server::{Server, settings};

#[tokio::test]
async fn a_service_that_answers_is_well_and_one_that_is_gone_is_not() {
    let app = Server::start().await;
    let port = app.address.port().to_string();
    let settings = settings(&[("PORT", &port)]).http;
    Healthcheck {}.execute(&settings).await.unwrap();

    app.shut_down().ends().await;
    let error = Healthcheck {}.execute(&settings).await.unwrap_err();
    assert!(error.to_string().contains(&port), "{error}");
}
