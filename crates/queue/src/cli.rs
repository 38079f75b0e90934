//! `worker jobs`: the commands that operate the queue.

mod jobs;
mod table;

pub use self::jobs::Jobs;
