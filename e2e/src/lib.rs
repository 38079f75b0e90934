//! The test harness: what the tests of every crate stand on, and the tests that start the built
//! binaries (`tests/`).

// A harness that cannot go on fails the test that uses it, and a panic is how a test fails.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod app;
mod database;
mod jobs;
pub mod postgres;
pub mod process;
pub mod sentry;
pub mod smtp;
mod target;
pub mod tls;
pub mod unruly;

pub use app::{TestApp, settings};
pub use database::{Backend, TestDatabase, connect};
pub use jobs::{run_pending_jobs, start_worker, the_finished_job};
