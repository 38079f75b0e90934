//! Connections and what pools do with them, on both databases.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod connection;
mod release;
