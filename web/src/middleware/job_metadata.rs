//! The jobs that a request enqueues remember where they come from.

use std::sync::Arc;

use db::jobs::{Metadata, with_metadata};
use dockerflow::poem::RequestId;
use poem::{Endpoint, Request, Result};

/// Every job that `endpoint` enqueues gets the request's id and this release's version.
pub(crate) async fn job_metadata<E: Endpoint>(
    release: Arc<str>,
    endpoint: Arc<E>,
    request: Request,
) -> Result<E::Output> {
    let metadata = Metadata {
        request_id: request.data::<RequestId>().map(|id| id.as_str().to_owned()),
        traceparent: traceparent(&request),
        enqueued_by: Some(release.as_ref().to_owned()),
    };
    with_metadata(metadata, endpoint.call(request)).await
}

/// The trace that the request belongs to, if its header has the form of W3C Trace Context, version 00.
fn traceparent(request: &Request) -> Option<String> {
    let value = request.header("traceparent")?;
    let lengths = value.split('-').map(str::len);
    let is_hex = |c: char| c == '-' || c.is_ascii_digit() || ('a'..='f').contains(&c);
    (lengths.eq([2, 32, 16, 2]) && value.starts_with("00-") && value.chars().all(is_hex))
        .then(|| value.to_owned())
}
