//! The check that a container runs.

use bare_http::Healthcheck;
use dockerflow::settings::try_load_from;

use crate::server::Server;

#[tokio::test]
async fn the_healthcheck_fails_once_the_service_has_stopped() {
    let app = Server::start().await;
    let port = app.address.port().to_string();
    let check: Healthcheck = try_load_from(["healthcheck"], [("PORT", &port)]).unwrap();
    check.execute().await.unwrap();

    app.shut_down().ends().await;
    let error = check.execute().await.unwrap_err();
    assert!(error.to_string().contains(&port), "{error}");
}
