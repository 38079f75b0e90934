//! A small service over real HTTP, as its clients meet it.

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
