//! The endpoints of the [Dockerflow specification][spec].
//!
//! [spec]: https://github.com/mozilla-services/Dockerflow#specification

use poem::endpoint::{make, make_sync};
use poem::http::StatusCode;
use poem::web::Json;
use poem::{IntoResponse as _, Request, Response, Route, get};

use crate::checks::Checks;
use crate::version::Version;

/// The start of a service's router, to which its own routes are added:
///
/// - `/__version__`: the version object;
/// - `/__heartbeat__`: the checks' [report](crate::checks::Report), 200 below the level error, else 500;
/// - `/__lbheartbeat__`: 200 as long as the process answers, whatever it depends on;
/// - `/__error__`, only if `error_endpoint`: logs an error and panics, to try out the alerting.
///
/// A HEAD request gets what GET would, without the body.
pub fn routes(version: Version, checks: Checks, error_endpoint: bool) -> Route {
    let routes = Route::new()
        .at(
            "/__version__",
            get(make_sync(move |_| Json(version.clone()))),
        )
        .at(
            "/__heartbeat__",
            get(make(move |_| heartbeat(checks.clone()))),
        )
        .at("/__lbheartbeat__", get(make_sync(|_| StatusCode::OK)));
    if error_endpoint {
        routes.at("/__error__", get(make_sync(error)))
    } else {
        routes
    }
}

async fn heartbeat(checks: Checks) -> Response {
    let report = checks.run().await;
    let status = StatusCode::from_u16(report.http_status());
    Json(report)
        .with_status(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .into_response()
}

fn error(_: Request) -> Response {
    tracing::error!("the error endpoint was called");
    panic!("the error endpoint panics")
}
