#![doc = include_str!("../README.md")]

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
