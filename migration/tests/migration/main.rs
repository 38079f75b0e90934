//! The steps and the runner, on both databases.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod entities;
mod runner;
mod steps;
