//! Tests of a small service over real HTTP.

#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

mod api;
mod capacity;
mod docs;
mod headers;
mod healthcheck;
mod limits;
mod methods;
mod problems;
mod server;
mod shutdown;
mod taken;
