//! The queue's tables, a file each.

#![allow(
    clippy::disallowed_methods,
    reason = "the library generates `ActiveModelEx`, whose methods begin transactions"
)]

pub mod finished_job;
pub mod job;
pub mod queue;
pub mod schedule;
pub mod worker;
