//! The built binaries as processes, as in production and in development.

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
