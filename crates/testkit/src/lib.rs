#![doc = include_str!("../README.md")]
// A tool that cannot continue must fail its test, and tests fail by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod database;
mod memo;
pub mod postgres;
pub mod problem;
pub mod process;
pub mod sentry;
mod settings;
pub mod smtp;
mod target;
pub mod tls;

pub use database::{Backend, TestDatabase, connect};
pub use settings::settings;
