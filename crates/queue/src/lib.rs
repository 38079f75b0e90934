#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(feature = "testing"),
    allow(
        dead_code,
        unreachable_pub,
        unused_imports,
        reason = "each step of a job is public for tests only"
    )
)]

pub mod checks;
#[cfg(feature = "runtime")]
pub mod cli;
pub mod entities;
mod metadata;
pub mod migrations;
mod names;
#[cfg(feature = "runtime")]
mod runtime;
#[cfg(feature = "runtime")]
mod settings;
mod state;
mod store;
mod task;
#[cfg(feature = "testing")]
pub mod testing;

pub use metadata::{Metadata, with_metadata};
#[cfg(feature = "runtime")]
pub use runtime::{
    Attempt, AttemptLayer, AttemptService, Handler, JobContext, METRICS, Registry, ScheduleError,
    Schedules, TaskError, Worker, WorkerBuilder,
};
#[cfg(feature = "runtime")]
pub use settings::{ListenUrl, Queues, Settings};
pub use state::JobState;
pub use store::{Enqueued, JobStatus, NewJob, enqueue_many, status};
pub use task::Task;
