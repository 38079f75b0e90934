#![doc = include_str!("../README.md")]

mod addresses;
pub mod checks;
pub mod log;
pub mod metrics;
pub mod poem;
mod process;
pub mod sentry;
mod service;
pub mod settings;
pub mod shutdown;
pub mod trace;
pub mod version;

pub use process::{Process, ProcessSettings, run_command};
pub use service::{hostname, name_of, service_name};
