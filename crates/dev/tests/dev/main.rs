//! The commands on a small template: a repository with the files that they know.

#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

mod init;
mod remove;
mod template;
mod upgrade;
mod watch;
