//! What a task knows about its job.

use std::{sync::Arc, time::Duration};

use dockerflow::trace::TraceContext;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::store::ClaimedJob;

/// The job of an attempt, and what the attempt may use.
#[derive(Debug)]
pub struct JobContext<R = ()> {
    /// The job's id. It is the same in every attempt, so it can serve as an idempotency key.
    pub id: Uuid,
    /// The number of this attempt, from 1.
    pub attempt: i32,
    /// The last attempt's number.
    pub max_attempts: i32,
    /// The id of the request that caused the job.
    pub request_id: Option<String>,
    /// The trace that the job belongs to, with an id for this attempt. Send its
    /// [`traceparent`](TraceContext::traceparent) and [`baggage`](TraceContext::baggage) to the
    /// services that the task calls.
    pub trace: TraceContext,
    /// The database, the mailer, and whatever else tasks need.
    pub resources: Arc<R>,
    /// The attempt is stopped after this time.
    pub timeout: Duration,
    /// Cancelled when the job's outcome no longer counts or is no longer wanted. A long task should
    /// check it between its steps.
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

    /// Adds what the attempt may use.
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
