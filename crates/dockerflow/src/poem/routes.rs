//! The endpoints of the [Dockerflow specification][spec].
//!
//! [spec]: https://github.com/mozilla-services/Dockerflow#specification

use poem::endpoint::{make, make_sync};
use poem::http::StatusCode;
use poem::web::Json;
use poem::{EndpointExt as _, IntoResponse as _, Request, Response, Route, get};

use crate::checks::Checks;
use crate::version::Version;

use super::NoteRoute;

const VERSION: &str = "/__version__";
const HEARTBEAT: &str = "/__heartbeat__";
const LBHEARTBEAT: &str = "/__lbheartbeat__";
const ERROR: &str = "/__error__";

/// Whether this is the path of a heartbeat, which a load balancer asks for every few seconds.
pub(super) fn is_heartbeat(path: &str) -> bool {
    [HEARTBEAT, LBHEARTBEAT].contains(&path)
}

/// The router with Dockerflow's endpoints, to which the service adds its own:
///
/// - `/__version__`: the version object;
/// - `/__heartbeat__`: the [report](crate::checks::Report) of the checks, 500 from level error on;
/// - `/__lbheartbeat__`: 200 as long as the process answers, without any check;
/// - `/__error__`, only if `error_endpoint`: logs an error and panics, to test the alerting.
///
/// A HEAD request gets what GET would, without the body.
pub fn routes(version: Version, checks: Checks, error_endpoint: bool) -> Route {
    let routes = Route::new()
        .at(
            VERSION,
            get(make_sync(move |_| Json(version.clone()))).with(NoteRoute::new(VERSION)),
        )
        .at(
            HEARTBEAT,
            get(make(move |_| heartbeat(checks.clone()))).with(NoteRoute::new(HEARTBEAT)),
        )
        .at(
            LBHEARTBEAT,
            get(make_sync(|_| StatusCode::OK)).with(NoteRoute::new(LBHEARTBEAT)),
        );
    if error_endpoint {
        routes.at(ERROR, get(make_sync(error)).with(NoteRoute::new(ERROR)))
    } else {
        routes
    }
}

async fn heartbeat(checks: Checks) -> Response {
    let report = checks.recent().await;
    let status = StatusCode::from_u16(report.http_status());
    Json(report)
        .with_status(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .into_response()
}

fn error(_: Request) -> Response {
    tracing::error!("the error endpoint was called");
    panic!("the error endpoint panics")
}
