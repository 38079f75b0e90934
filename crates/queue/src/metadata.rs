//! What a job remembers of where it came from.

use std::{future::Future, sync::Arc};

/// Asked only when a job is enqueued: most requests enqueue none.
type Source = Arc<dyn Fn() -> Metadata + Send + Sync>;

tokio::task_local! {
    static METADATA: Source;
}

/// Where a job comes from, so that one id can be followed from a request into the job's own log
/// lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The request's id (`X-Request-Id`).
    pub request_id: Option<String>,
    /// The trace that the request belongs to (W3C `traceparent`).
    pub traceparent: Option<String>,
    /// What travels along with the trace (W3C `baggage`).
    pub baggage: Option<String>,
    /// The version of the service.
    pub enqueued_by: Option<String>,
}

/// Runs `work`; the jobs that it enqueues remember what `metadata` answers.
pub async fn with_metadata<F: Future>(
    metadata: impl Fn() -> Metadata + Send + Sync + 'static,
    work: F,
) -> F::Output {
    METADATA.scope(Arc::new(metadata), work).await
}

/// The metadata of the work under way, empty outside [`with_metadata`].
pub(super) fn current() -> Metadata {
    METADATA.try_with(|metadata| metadata()).unwrap_or_default()
}
