//! One attempt: decode, run, report. Nothing that a task does stops the worker.

use std::{any::Any, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use crate::{
    Metadata,
    store::{ClaimedJob, Outcome},
    with_metadata,
};
use dockerflow::trace::{Baggage, TraceContext};
use futures_util::FutureExt as _;
use tokio::time::Instant;
use tracing::Instrument;

use super::{
    JobContext, TaskError,
    end::{End, judge},
    local_jobs::Hold,
    metrics,
    registry::Runnable,
    retry::jittered,
    shared::{Assigned, Shared},
};

/// After this many deaths a job runs solo, so that the next crash interrupts no other job.
const DEATHS_BEFORE_SOLO: i32 = 3;

/// How long a solo job waits for the other jobs to end, while this process claims no more. After
/// that it runs next to them, because waiting for a long job would stop the claims for too long.
const SOLO_PATIENCE: Duration = Duration::from_mins(1);

/// How long a job is snoozed while another one runs solo.
const SOLO_PAUSE: Duration = Duration::from_secs(30);

/// Runs an attempt of an assigned job, reports its outcome and frees its slot.
pub(super) async fn run(assigned: Assigned, shared: Arc<Shared>) {
    let Assigned { job, hold, slot } = assigned;
    let origin = &job.metadata;
    let trace = origin
        .traceparent
        .as_deref()
        .and_then(TraceContext::after_traceparent)
        .unwrap_or_default()
        .with_baggage(origin.baggage.as_deref().and_then(Baggage::parse));
    // At the error level, so that LOG_LEVEL=warn does not remove the ids from warnings.
    let span = tracing::error_span!(
        "job",
        job = %job.id,
        kind = %job.kind,
        attempt = job.attempt,
        rid = origin.request_id.as_deref(),
        trace_id = %trace.trace_id(),
    );
    async {
        let begun = Instant::now();
        let task = shared.work.tasks.get(&job.kind);
        let end = match task {
            _ if !shared.may_begin() => End::Stopped,
            _ if job.cancel_requested_at.is_some() => End::Cancelled,
            None => End::Unknown,
            Some(task) => {
                // Decoding a task's payload and formatting its error may panic too.
                let end = AssertUnwindSafe(shared_or_solo(task, &job, &hold, trace, &shared));
                end.catch_unwind().await.unwrap_or_else(panicked)
            }
        };
        let report = judge(&job, task, end);
        summarize(&job, report.outcome, begun);
        metrics::ended(
            shared.work.tasks.kind(&job.kind),
            report.outcome,
            begun.elapsed(),
            job.started_at - job.run_at,
        );
        // This fails if the process is about to exit. Then the job runs again.
        drop(shared.reports.send(report).await);
        drop(slot);
    }
    .instrument(span)
    .await;
}

/// Runs the attempt next to others, or solo if processes keep dying while they hold the job. A
/// crash counts as a death of every job that its process holds, even of those that have not begun.
async fn shared_or_solo(
    task: &dyn Runnable,
    job: &ClaimedJob,
    hold: &Hold,
    trace: TraceContext,
    shared: &Shared,
) -> End {
    if job.deaths < DEATHS_BEFORE_SOLO {
        return execute(task, job, hold, trace, shared).await;
    }
    // A job that waits to run solo waits for all others, so a second one must go back.
    let Ok(_turn) = shared.solo_turn.try_lock() else {
        return End::Snoozed {
            after: jittered(SOLO_PAUSE),
        };
    };
    hold.leave_shared_run();
    let solo = tokio::time::timeout(SOLO_PATIENCE, shared.solo.write());
    let _solo = shared.draining.run_until_cancelled(solo).await;
    if !shared.may_begin() {
        return End::Stopped;
    }
    execute(task, job, hold, trace, shared).await
}

async fn execute(
    task: &dyn Runnable,
    job: &ClaimedJob,
    hold: &Hold,
    trace: TraceContext,
    shared: &Shared,
) -> End {
    let timeout = job
        .timeout_seconds
        .and_then(|seconds| u64::try_from(seconds).ok())
        .map_or_else(|| task.timeout(), Duration::from_secs);
    let context = JobContext::new(job, trace, timeout, hold.cancellation.clone());
    let caused = metadata(&context, &shared.config.version);
    let attempt = match task.attempt(&job.payload, context) {
        Ok(attempt) => attempt,
        Err(error) => {
            // The text of serde's error may contain values of the payload.
            let error = format!(
                "the payload is not this task's ({:?} at column {})",
                error.classify(),
                error.column()
            );
            return End::Failed { error, after: None };
        }
    };
    let attempt = with_metadata(caused, attempt);
    let attempt = shared.work.layers.around(job, attempt).in_current_span();
    let end = supervise(attempt, hold, timeout).await;
    match end {
        End::Failed { .. } | End::Panicked { .. } | End::Stopped if hold.is_unwanted() => {
            End::Cancelled
        }
        // A failure after a request to stop does not count as one.
        End::Failed { .. } | End::Panicked { .. } if hold.cancellation.is_cancelled() => {
            End::Stopped
        }
        end => end,
    }
}

/// The metadata of the jobs that this attempt enqueues.
fn metadata(job: &JobContext, version: &str) -> impl Fn() -> Metadata + use<> {
    let request_id = job.request_id.clone();
    let trace = job.trace.clone();
    let version = version.to_owned();
    move || Metadata {
        request_id: request_id.clone(),
        traceparent: Some(trace.traceparent()),
        baggage: trace.baggage().map(str::to_owned),
        enqueued_by: Some(version.clone()),
    }
}

/// Runs the attempt as a separate tokio task, which contains panics and lets attempts use all
/// cores.
async fn supervise(
    attempt: impl Future<Output = Result<(), TaskError>> + Send + 'static,
    hold: &Hold,
    timeout: Duration,
) -> End {
    let mut running = tokio::spawn(attempt);
    hold.began(running.abort_handle());
    let Ok(result) = tokio::time::timeout(timeout, &mut running).await else {
        running.abort();
        let error = format!("it took longer than {timeout:?}");
        return End::Failed { error, after: None };
    };
    match result {
        Ok(Ok(())) => End::Completed,
        Ok(Err(TaskError::Retry(error))) => End::Failed {
            error: format!("{error:#}"),
            after: None,
        },
        Ok(Err(TaskError::RetryAfter(after, error))) => End::Failed {
            error: format!("{error:#}"),
            after: Some(after),
        },
        Ok(Err(TaskError::Snooze(after))) => End::Snoozed { after },
        Ok(Err(TaskError::GiveUp(error))) => End::GaveUp {
            error: format!("{error:#}"),
        },
        Err(error) if error.is_panic() => panicked(error.into_panic()),
        Err(_aborted) => End::Stopped,
    }
}

fn panicked(panic: Box<dyn Any + Send>) -> End {
    let error = match panic.downcast::<String>() {
        Ok(message) => format!("it panicked: {message}"),
        Err(panic) => format!("it panicked: {}", panic.downcast_ref().unwrap_or(&"")),
    };
    End::Panicked { error }
}

/// Logs one line per attempt.
fn summarize(job: &ClaimedJob, outcome: Outcome, begun: Instant) {
    let outcome = outcome.name();
    let wait = (job.started_at - job.run_at).num_milliseconds().max(0);
    let t = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(target: "job.summary", queue = job.queue, outcome, t, wait);
}
