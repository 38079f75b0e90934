//! What a job remembers of where it came from.

use std::future::Future;

tokio::task_local! {
    static METADATA: Metadata;
}

/// Where a job comes from, so that one id can be followed from a request into the job's own log
/// lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The request's id (`X-Request-Id`).
    pub request_id: Option<String>,
    /// The trace that the request belongs to (W3C `traceparent`).
    pub traceparent: Option<String>,
    /// The version of the service.
    pub enqueued_by: Option<String>,
}

/// Runs `work`; the jobs that it enqueues remember `metadata`.
pub async fn with_metadata<F: Future>(metadata: Metadata, work: F) -> F::Output {
    METADATA.scope(metadata, work).await
}

/// The metadata of the work under way, empty outside [`with_metadata`].
pub(super) fn current() -> Metadata {
    METADATA.try_with(Clone::clone).unwrap_or_default()
}
