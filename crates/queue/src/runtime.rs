//! The queue's runtime: what claims jobs, runs them and reports what became of them.
//!
//! ```text
//!  threads "queue", with a runtime and connections of their own     the process's runtime
//! ┌────────────────────────────────────────────────────────┐     ┌─────────────────────────────────┐
//! │ claim      as many jobs as there are free slots  ──────┼───▶ │ backend   hands them to apalis  │
//! │ finish     batches of reports to the database    ◀─────┼──── │ attempt   runs one, and reports │
//! │ heartbeat  renews this worker's lease                  │     └─────────────────────────────────┘
//! │ reconcile  what is leased and not held · rescue        │
//! │ promote    scheduled jobs whose time has come          │
//! │ listen     PostgreSQL says that there is something new │
//! │ tick       jobs that are enqueued by the clock         │
//! │ limits     which queues have one across all workers    │
//! │ sample     what waits, for those who watch             │
//! └────────────────────────────────────────────────────────┘
//! ```
//!
//! Each loop outlives every database error. They have threads of their own, so that handlers that
//! block theirs can keep neither a heartbeat nor a claim from being on time. What the store
//! promises is in `crate::store`.

mod attempt;
mod backend;
mod claim;
mod claiming;
mod config;
mod connection;
mod context;
mod control;
mod end;
mod endpoints;
mod error;
mod finish;
mod health;
mod heartbeat;
mod layers;
mod lease;
mod limited_queues;
mod limits;
mod listen;
mod local_jobs;
mod metrics;
mod promote;
mod prune;
mod reconcile;
mod registry;
mod retry;
mod run;
mod sample;
mod schedules;
mod shared;
mod tick;
mod unconfirmed;
mod worker;

pub use self::{
    context::JobContext,
    error::TaskError,
    layers::{Attempt, AttemptLayer, AttemptService},
    metrics::METRICS,
    registry::{Handler, Registry},
    schedules::{ScheduleError, Schedules},
    worker::{Worker, WorkerBuilder},
};
