//! The tasks of the service, on both databases.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod welcome;
