#![doc = include_str!("../README.md")]

mod app;
mod docs;
mod healthcheck;
mod limits;
mod middleware;
mod payload;
mod problem;
mod rarely;
mod server;
mod service;
mod settings;
mod text;

pub use app::App;
pub use healthcheck::Healthcheck;
pub use limits::Limits;
pub use payload::{Invalid, Json};
pub use problem::{FieldError, Problem};
pub use service::service;
pub use settings::Settings;
pub use text::{Rule, Text};

/// The metrics of the server.
pub static METRICS: [&dockerflow::metrics::Metric; 2] = [
    &server::CONNECTIONS_OVER_LIMIT,
    &middleware::REQUESTS_OVER_LIMIT,
];
