//! What every [Dockerflow] service needs, whatever it does: settings from the environment, mozlog on
//! standard output, `version.json`, metrics, health checks, and the endpoints and request summaries that show
//! them.
//!
//! Nothing here knows a table or a route of the service. What is for a web framework is in [`poem`].
//!
//! [Dockerflow]: https://github.com/mozilla-services/Dockerflow

mod addresses;
pub mod checks;
pub mod log;
pub mod metrics;
pub mod poem;
mod process;
pub mod sentry;
pub mod settings;
pub mod shutdown;
pub mod trace;
pub mod version;

pub use process::{Process, ProcessSettings, hostname, name_of, run_command, service_name};
