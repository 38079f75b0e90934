//! The web service over real HTTP, as its clients meet it.

#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

mod binary;
mod capacity;
mod docs;
mod headers;
mod limits;
mod log;
mod methods;
mod problems;
mod server;
mod shutdown;
mod sign_up;
mod views;
