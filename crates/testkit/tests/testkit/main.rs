//! Tests of the tools themselves.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod database;
mod postgres;
mod process;
mod sentry;
mod smtp;
