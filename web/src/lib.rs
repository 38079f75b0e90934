//! The HTTP api of the service.
//!
//! - `views`: the endpoints; a new one goes there.
//! - `fields`: the types of their fields, which cannot hold a wrong value.
//! - `router`: which views there are, and which health checks.
//! - `job_metadata`: what jobs remember of the request that enqueued them.
//! - `app`: the whole service, for the binary and for tests.
//! - `settings` and `cli`: what it is told.
//!
//! What any service needs is in [`bare_http`]: the server and its limits, JSON bodies, problems.

mod app;
mod cli;
mod fields;
mod job_metadata;
mod router;
mod settings;
mod views;

pub use app::App;
pub use bare_http::METRICS;
pub use cli::{Cli, Command};
pub use settings::Settings;

/// What is running, see [`dockerflow::version`].
pub fn version() -> dockerflow::version::Version {
    dockerflow::version::Version::load(env!("CARGO_PKG_VERSION"))
}
