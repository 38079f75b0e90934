//! The tables, one file each. The queue's tables are in `crates/queue`.

#![allow(
    clippy::disallowed_methods,
    reason = "the library generates `ActiveModelEx`, whose methods begin transactions"
)]

pub mod user;

pub use bare_queue::entities::{finished_job, job, queue, schedule, worker};
