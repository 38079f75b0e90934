//! The web service over real HTTP, as its clients meet it.

#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

mod app;
mod binary;
mod docs;
mod headers;
mod limits;
mod log;
mod methods;
mod problems;
mod shutdown;
mod views;
