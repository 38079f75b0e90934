//! The web service over real HTTP. What holds for any service is tested in `crates/http`.

#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

mod binary;
mod docs;
mod log;
mod problems;
mod server;
mod sign_up;
mod views;
