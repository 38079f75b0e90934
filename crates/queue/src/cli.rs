//! `worker jobs`: operating the queue from a shell.

mod jobs;
mod table;

pub use self::jobs::Jobs;
