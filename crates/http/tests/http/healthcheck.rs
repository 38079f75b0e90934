//! The check that a container runs.

use bare_http::Healthcheck;

use crate::server::{Server, settings};

#[tokio::test]
async fn the_healthcheck_fails_once_the_service_has_stopped() {
    let app = Server::start().await;
    let port = app.address.port().to_string();
    let settings = settings(&[("PORT", &port)]);
    Healthcheck {}
        .execute(&settings.http, &settings.process)
        .await
        .unwrap();

    app.shut_down().ends().await;
    let error = Healthcheck {}
        .execute(&settings.http, &settings.process)
        .await
        .unwrap_err();
    assert!(error.to_string().contains(&port), "{error}");
}
