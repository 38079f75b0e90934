//! The service in a test, with the tools of [`bare_testkit`]. The tests in `tests/` start binaries.

// If the harness cannot continue, the test must fail, and tests fail by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod app;
mod database;
mod jobs;

pub use app::TestApp;
pub use bare_testkit::{Backend, connect, postgres, problem, process, sentry, settings, smtp, tls};
pub use database::TestDatabase;
pub use jobs::{run_pending_jobs, start_worker, the_finished_job};
