//! The HTTP api: the views, and what every request passes on its way to one.
//!
//! [`App`] is the whole service; the binary only reads its settings and runs it. A new endpoint goes into
//! `views.rs`.

mod app;
mod cli;
mod docs;
mod fields;
mod healthcheck;
mod limits;
mod middleware;
mod payload;
mod problem;
mod router;
mod server;
mod settings;
mod views;

pub use app::App;
pub use cli::{Cli, Command};
pub use healthcheck::Healthcheck;
pub use limits::Limits;
pub use settings::Settings;

/// The metrics of the process, beside those of the database.
pub static METRICS: [&dockerflow::metrics::Metric; 1] = [&server::CONNECTIONS_OVER_LIMIT];

/// What is running, see [`dockerflow::version`].
pub fn version() -> dockerflow::version::Version {
    dockerflow::version::Version::load(env!("CARGO_PKG_VERSION"))
}
