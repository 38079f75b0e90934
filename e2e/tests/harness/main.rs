//! The harness itself: what the other tests may take for granted.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod postgres;
mod process;
mod smtp;
