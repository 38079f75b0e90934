//! The tools themselves: what other tests may take for granted.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod database;
mod postgres;
mod process;
mod sentry;
mod smtp;
