//! The tables, a file each.

pub mod finished_job;
pub mod job;
pub mod queue;
pub mod schedule;
pub mod user;
pub mod worker;
