//! The service in a test, on the tools of [`bare_testkit`]; `tests/` starts the built binaries.

// A harness that cannot go on fails the test that uses it, and a panic is how a test fails.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod app;
mod database;
mod jobs;

pub use app::TestApp;
pub use bare_testkit::{Backend, connect, postgres, process, sentry, settings, smtp, tls};
pub use database::TestDatabase;
pub use jobs::{run_pending_jobs, start_worker, the_finished_job};
