//! The queue's runtime and the service's own tasks, on both databases.

#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

mod clock;
mod failures;
mod flow;
mod gate;
mod health;
mod lease;
mod mail;
mod operations;
mod outage;
mod outcomes;
mod proxy;
mod queue;
mod replies;
mod shutdown;
mod wakeup;
mod welcome;
