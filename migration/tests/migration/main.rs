//! The steps and the entities, on both databases.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod entities;
mod steps;
