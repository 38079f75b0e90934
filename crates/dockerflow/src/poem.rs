//! Dockerflow for services that use [poem](https://docs.rs/poem): the endpoints, the request id,
//! the summary of each request, and its metrics.
//!
//! ```
//! use dockerflow::checks::Checks;
//! use dockerflow::poem::{RequestSummary, SetRequestId, routes};
//! use dockerflow::version::Version;
//! use poem::EndpointExt as _;
//!
//! let app = routes(Version::load(env!("CARGO_PKG_VERSION")), Checks::new(), false)
//!     .with(RequestSummary::new())
//!     // Outermost, so that the summary knows the id.
//!     .with(SetRequestId);
//! ```

mod matched_route;
mod operators;
mod request_id;
mod request_metrics;
mod request_summary;
mod routes;

pub use self::matched_route::{MatchedRoute, NoteRoute, NoteRouteEndpoint};
pub use self::operators::OperatorsPort;
pub use self::request_id::{RequestId, SetRequestId, SetRequestIdEndpoint};
pub(crate) use self::request_metrics::{REQUEST_DURATION, REQUESTS, REQUESTS_IN_FLIGHT};
pub use self::request_metrics::{RequestMetrics, RequestMetricsEndpoint};
pub use self::request_summary::{RequestSummary, RequestSummaryEndpoint};
pub(crate) use self::routes::HEARTBEAT;
pub use self::routes::{operators_routes, routes};
