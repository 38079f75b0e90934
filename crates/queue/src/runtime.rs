//! The queue's runtime: it claims jobs, runs them and stores their outcomes.
//!
//! ```text
//!  threads "queue", with their own runtime and connections          the process's runtime
//! ┌────────────────────────────────────────────────────────┐     ┌─────────────────────────────────┐
//! │ claim      as many jobs as there are free slots  ──────┼───▶ │ backend   hands them to apalis  │
//! │ finish     batches of reports to the database    ◀─────┼──── │ attempt   runs one, and reports │
//! │ heartbeat  renews this worker's lease                  │     └─────────────────────────────────┘
//! │ reconcile  releases lost claims, rescues orphaned jobs │
//! │ promote    makes scheduled jobs available when due     │
//! │ listen     is notified of new jobs by PostgreSQL       │
//! │ tick       enqueues the jobs of schedules              │
//! │ limits     looks up the limits of queues               │
//! │ sample     counts jobs for the metrics                 │
//! └────────────────────────────────────────────────────────┘
//! ```
//!
//! Each loop survives all database errors. The loops have separate threads, so that a task that
//! blocks its thread delays neither heartbeats nor claims. What the store promises is in
//! `crate::store`.

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
