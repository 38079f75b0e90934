//! The endpoints of the [Dockerflow specification][spec].
//!
//! [spec]: https://github.com/mozilla-services/Dockerflow#specification

use poem::endpoint::{make, make_sync};
use poem::http::StatusCode;
use poem::web::Json;
use poem::{EndpointExt as _, IntoResponse as _, Request, Response, Route, get};
use serde_json::json;

use crate::checks::Checks;
use crate::metrics;
use crate::version::Version;

use super::NoteRoute;

const VERSION: &str = "/__version__";
pub(crate) const HEARTBEAT: &str = "/__heartbeat__";
const LBHEARTBEAT: &str = "/__lbheartbeat__";
const ERROR: &str = "/__error__";

/// Whether this is the path of a heartbeat, which a load balancer asks for every few seconds.
pub(super) fn is_heartbeat(path: &str) -> bool {
    [HEARTBEAT, LBHEARTBEAT].contains(&path)
}

/// The router with Dockerflow's endpoints, to which the service adds its own:
///
/// - `/__version__`: the version object;
/// - `/__heartbeat__`: `status` and `checks` of the [report](crate::checks::Report), 500 from level
///   error on. Operators see its details at the same path on the port for Prometheus;
/// - `/__lbheartbeat__`: 200 as long as the process answers, without any check;
/// - `/__error__`, only if `error_endpoint`: logs an error and panics, to test the alerting.
///
/// A HEAD request gets what GET would, without the body.
pub fn routes(version: Version, checks: Checks, error_endpoint: bool) -> Route {
    let inside = checks.clone();
    let report = make(move |_| {
        let checks = inside.clone();
        async move { heartbeat(&checks, true).await }
    });
    metrics::set_report(report.boxed());
    let routes = endpoints(version, checks, false);
    if error_endpoint {
        routes.at(ERROR, get(make_sync(error)).with(NoteRoute::new(ERROR)))
    } else {
        routes
    }
}

/// As [`routes`], for a port that only operators reach: the report has its details.
pub fn operators_routes(version: Version, checks: Checks) -> Route {
    endpoints(version, checks, true)
}

fn endpoints(version: Version, checks: Checks, with_details: bool) -> Route {
    let heartbeat = make(move |_| {
        let checks = checks.clone();
        async move { heartbeat(&checks, with_details).await }
    });
    Route::new()
        .at(
            VERSION,
            get(make_sync(move |_| Json(version.clone()))).with(NoteRoute::new(VERSION)),
        )
        .at(HEARTBEAT, get(heartbeat).with(NoteRoute::new(HEARTBEAT)))
        .at(
            LBHEARTBEAT,
            get(make_sync(|_| StatusCode::OK)).with(NoteRoute::new(LBHEARTBEAT)),
        )
}

/// The answer of `/__heartbeat__`.
async fn heartbeat(checks: &Checks, with_details: bool) -> Response {
    let report = checks.recent().await;
    let status = StatusCode::from_u16(report.http_status());
    let body = if with_details {
        json!(report)
    } else {
        json!({ "status": report.status, "checks": report.checks })
    };
    Json(body)
        .with_status(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .into_response()
}

fn error(_: Request) -> Response {
    tracing::error!("the error endpoint was called");
    panic!("the error endpoint panics")
}
