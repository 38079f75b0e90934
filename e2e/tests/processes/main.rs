//! The built binaries as processes, as they run in production and at a developer's desk.

#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

mod away;
mod dev;
mod errors;
mod health;
mod jobs;
mod journey;
mod kill;
mod load;
mod metrics;
mod mozlog;
mod one_client;
mod secrecy;
mod service;
mod settings;
mod startup;
mod tls;
