//! The middleware of every request, one file each, and their order.

mod body;
mod budget;
mod limit;
mod methods;
mod places;
mod problems;
mod routes;
mod security_headers;

use dockerflow::{
    log,
    poem::{RequestMetrics, RequestSummary, SetRequestId},
};
use poem::{
    Endpoint, EndpointExt as _, Response, endpoint::BoxEndpoint, http::StatusCode,
    middleware::CatchPanic,
};

pub(crate) use body::read_body;
pub(crate) use limit::{BeyondCapacity, WrongHost};
pub(crate) use methods::Methods;
pub(crate) use places::REQUESTS_OVER_LIMIT;
pub(crate) use routes::Routes;

use self::{
    budget::Budget, limit::limit, places::Places, problems::problems,
    security_headers::security_headers,
};
use crate::Limits;

/// Wraps the service in the middleware. The result never fails: errors have become answers.
pub(crate) fn around(
    service: impl Endpoint<Output = Response> + 'static,
    limits: Limits,
    log: &log::Settings,
) -> BoxEndpoint<'static, Response> {
    let budget = Budget::new(limits.bodies_size);
    let places = Places::new(limits.requests);
    service
        // From the inside out. Some layers are boxed, because each layer copies the future of the
        // layers inside it (benchmark `get-hello`).
        .around(move |endpoint, request| {
            limit(limits, budget.clone(), places.clone(), endpoint, request)
        })
        .boxed()
        // The panic hook has already logged it.
        .with(CatchPanic::new().with_handler(|_| StatusCode::INTERNAL_SERVER_ERROR))
        .around(problems)
        .around(security_headers)
        .boxed()
        .with(RequestMetrics)
        .with(RequestSummary::of(log))
        .with(SetRequestId)
        .boxed()
}
