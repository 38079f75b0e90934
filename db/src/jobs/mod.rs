//! The job store: every state that a job can be in, and every step from one to the next.
//!
//! ```text
//!             enqueue                    claim                    finish
//!  ┌───────────┐  promote  ┌───────────┐        ┌─────────┐        ┌──────────────────────────────┐
//!  │ scheduled │ ────────▶ │ available │ ─────▶ │ running │ ─────▶ │ completed · dead · cancelled │
//!  └───────────┘           └───────────┘        └─────────┘        └──────────────────────────────┘
//!        ▲                       ▲    release, rescue │                  (moved to finished_job)
//!        │                       └────────────────────┤
//!        └──────────────────── retry, snooze ─────────┘
//! ```
//!
//! A claim gives the job its next *lease number*. An outcome names the number that it ran on, and
//! counts only under that one; a rescue takes the next number too, so that a late outcome is
//! refused.
//!
//! One function per step: one statement on PostgreSQL, one immediate transaction on SQLite. Each
//! takes its time from the database, unless a test gives one ([`JobStore::at`]).

#[macro_use]
mod columns;

mod claim;
mod enqueue;
mod error;
mod finish;
mod health;
mod lease;
mod metadata;
mod operate;
mod promote;
mod prune;
mod rescue;
mod schedule;
mod status;
mod store;
mod task;

pub use claim::{ClaimedJob, Claimer};
pub use enqueue::{EnqueueError, Enqueued, NewJob, PAYLOAD_LIMIT, enqueue_many};
pub use error::{AttemptError, ERROR_LIMIT, ERRORS_KEPT, append_error};
pub use finish::{Outcome, Report, Verdict};
pub use health::Health;
pub use lease::{Heartbeat, Lease, heartbeat_interval};
pub use metadata::{Metadata, with_metadata};
pub use operate::{Cancelled, Filter, JobDetail, OperateError, QueueStats};
pub use rescue::{DEATHS_ALLOWED, Rescued};
pub use status::{JobState, JobStatus, status};
pub use store::{Clock, JobStore};
pub use task::{Task, default_backoff};

/// The channel on which PostgreSQL says that a queue has something new. The message is the queue's
/// name.
pub const NOTIFY_CHANNEL: &str = "job";
