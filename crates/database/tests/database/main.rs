//! Connections, what pools do with them, and migrations, on both databases.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod connection;
mod migrate;
mod release;
