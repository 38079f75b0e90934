//! What the crate promises, from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod capture;
mod checks;
mod endpoints;
mod mozlog;
mod operators;
mod process;
mod request_id;
mod request_summary;
mod settings;
mod text;
