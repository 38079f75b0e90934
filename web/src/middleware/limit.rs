//! What a request may take: time for its answer, and of its body no more than the limits say.

use std::{sync::Arc, time::Duration};

use poem::{Endpoint, Request, Result};
use thiserror::Error;

use super::body::limit_body;
use crate::{Limits, problem::Problem};

#[derive(Debug, Error)]
#[error("no answer within {0:?}")]
struct TookTooLong(Duration);

/// Marks a request that came on a connection beyond those that are served.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BeyondCapacity;

/// Whether the path is one of Dockerflow's, which tell how the service is.
fn is_of_dockerflow(path: &str) -> bool {
    path.starts_with("/__")
}

/// Refuses with a 503 what is [`BeyondCapacity`], except for Dockerflow's endpoints. Gives up on `endpoint` after the time that a request has, with a 503. A transaction that it had open is
/// rolled back.
pub(crate) async fn limit<E: Endpoint>(
    limits: Limits,
    endpoint: Arc<E>,
    mut request: Request,
) -> Result<E::Output> {
    if request.data::<BeyondCapacity>().is_some() && !is_of_dockerflow(request.uri().path()) {
        return Err(Problem::busy().into());
    }
    limit_body(limits, &mut request);
    match tokio::time::timeout(limits.request_time, endpoint.call(request)).await {
        Ok(result) => result,
        Err(_) => Err(Problem::unavailable(TookTooLong(limits.request_time)).into()),
    }
}
