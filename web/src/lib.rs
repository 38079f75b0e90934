//! The HTTP API of the service.
//!
//! - `views`: the endpoints. Add yours there.
//! - `fields`: field types that cannot hold an invalid value.
//! - `router`: the list of views and health checks.
//! - `job_metadata`: what jobs record about the request that enqueued them.
//! - `app`: the whole service, for the binary and for tests.
//! - `settings` and `cli`: settings and command line.
//!
//! The server and its limits, JSON bodies and errors are in [`bare_http`].

mod app;
mod cli;
mod fields;
mod job_metadata;
mod router;
mod settings;
mod views;

pub use app::App;
pub use bare_http::METRICS;
pub use cli::{Cli, Command, Commands};
pub use settings::Settings;

/// The version that is running: see [`dockerflow::version`].
pub fn version() -> dockerflow::version::Version {
    dockerflow::version::Version::load(env!("CARGO_PKG_VERSION"))
}
