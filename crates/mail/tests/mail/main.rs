//! Mail to a real server and into a folder.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod mailer;
