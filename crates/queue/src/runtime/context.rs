//! What a task knows of the job that it runs for.

use std::{sync::Arc, time::Duration};

use dockerflow::trace::TraceContext;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::store::ClaimedJob;

/// The job that an attempt runs for, and what the attempt may use.
#[derive(Debug)]
pub struct JobContext<R = ()> {
    /// The job. It is the same in every attempt: what must happen once can be named after it.
    pub id: Uuid,
    /// The number of this attempt, from 1.
    pub attempt: i32,
    /// The last attempt's number.
    pub max_attempts: i32,
    /// The request that caused the job.
    pub request_id: Option<String>,
    /// The trace that the job belongs to, and this attempt's step of it: what a task calls gets its
    /// [`traceparent`](TraceContext::traceparent) and [`baggage`](TraceContext::baggage).
    pub trace: TraceContext,
    /// The database, the mailer, and whatever else tasks need.
    pub resources: Arc<R>,
    /// How long the attempt may take; then it is stopped.
    pub timeout: Duration,
    /// Is cancelled when the job's outcome no longer counts, or is no longer wanted. A long task
    /// looks at it between two steps.
    pub cancellation: CancellationToken,
}

impl JobContext {
    pub(super) fn new(
        job: &ClaimedJob,
        trace: TraceContext,
        timeout: Duration,
        cancellation: CancellationToken,
    ) -> Self {
        Self {
            id: job.id,
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            request_id: job.metadata.request_id.clone(),
            trace,
            resources: Arc::default(),
            timeout,
            cancellation,
        }
    }

    /// The same, with what the attempt may use.
    pub(super) fn with<R>(self, resources: Arc<R>) -> JobContext<R> {
        JobContext {
            id: self.id,
            attempt: self.attempt,
            max_attempts: self.max_attempts,
            request_id: self.request_id,
            trace: self.trace,
            resources,
            timeout: self.timeout,
            cancellation: self.cancellation,
        }
    }
}

impl<R> Clone for JobContext<R> {
    fn clone(&self) -> Self {
        Self {
            id: self.id,
            attempt: self.attempt,
            max_attempts: self.max_attempts,
            request_id: self.request_id.clone(),
            trace: self.trace.clone(),
            resources: Arc::clone(&self.resources),
            timeout: self.timeout,
            cancellation: self.cancellation.clone(),
        }
    }
}
