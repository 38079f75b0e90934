//! Jobs record the request that enqueued them.

use std::sync::Arc;

use bare_queue::{Metadata, with_metadata};
use dockerflow::{poem::RequestId, trace::TraceContext};
use poem::{Endpoint, Request, Result};

/// Gives every job that `endpoint` enqueues the request's id, its trace and the version of this release.
pub(crate) async fn job_metadata<E: Endpoint>(
    release: Arc<str>,
    endpoint: Arc<E>,
    request: Request,
) -> Result<E::Output> {
    let request_id = request.data::<RequestId>().cloned();
    let trace = request.data::<TraceContext>().cloned();
    let metadata = move || Metadata {
        request_id: request_id.as_ref().map(RequestId::to_string),
        traceparent: trace.as_ref().map(TraceContext::traceparent),
        baggage: trace
            .as_ref()
            .and_then(TraceContext::baggage)
            .map(str::to_owned),
        enqueued_by: Some(release.as_ref().to_owned()),
    };
    with_metadata(metadata, endpoint.call(request)).await
}
