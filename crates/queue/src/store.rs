//! The job store: the states of a job, and the steps from one to the next.
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
//! A claim gives the job its next *lease number*. An outcome names the number of its claim, and
//! counts only while the job has that number. A rescue raises the number too, so that a late
//! outcome is refused.
//!
//! One function per step: one statement on PostgreSQL, one immediate transaction on SQLite. Each
//! takes its time from the database, unless a test gives one ([`JobStore::at`]).

#[cfg(feature = "runtime")]
#[macro_use]
mod columns;

#[cfg(feature = "runtime")]
mod archive;
#[cfg(feature = "runtime")]
mod claim;
mod enqueue;
#[cfg(feature = "runtime")]
mod error;
#[cfg(feature = "runtime")]
mod finish;
mod handle;
mod health;
#[cfg(feature = "runtime")]
mod lease;
#[cfg(feature = "runtime")]
mod operate;
#[cfg(feature = "runtime")]
mod promote;
#[cfg(feature = "runtime")]
mod prune;
#[cfg(feature = "runtime")]
mod reconcile;
#[cfg(feature = "runtime")]
mod rescue;
#[cfg(feature = "runtime")]
mod schedule;
mod status;

#[cfg(feature = "runtime")]
pub use self::{
    claim::{ClaimCursor, ClaimedJob},
    error::{AttemptError, ERROR_LIMIT, ERRORS_KEPT, append_error},
    finish::{Outcome, Report, Verdict},
    lease::{Heartbeat, heartbeat_interval},
    operate::{Cancelled, Filter, JobDetail, OperateError, QueueStats},
    reconcile::{Lease, Leases},
    rescue::{DEATHS_ALLOWED, Rescued},
};
pub use self::{
    enqueue::{Enqueued, NewJob, PAYLOAD_LIMIT, enqueue_many},
    handle::{Clock, JobStore},
    health::Health,
    status::{JobStatus, status},
};

/// The channel on which PostgreSQL notifies of new jobs. The payload is the name of their queue.
pub const NOTIFY_CHANNEL: &str = "job";
