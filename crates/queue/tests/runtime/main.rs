//! The queue's runtime, on both databases.

#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

mod absence;
mod bulk;
mod claimed_late;
mod clock;
mod failures;
mod flow;
mod gate;
mod health;
mod idle;
mod layers;
mod lease;
mod lost_replies;
mod operations;
mod outcomes;
mod proxy;
mod queue;
mod shutdown;
