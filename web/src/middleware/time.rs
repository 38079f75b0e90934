//! A time limit for every request.

use std::{sync::Arc, time::Duration};

use poem::{Endpoint, Request, Result};
use thiserror::Error;

use crate::problem::Problem;

#[derive(Debug, Error)]
#[error("no answer within {0:?}")]
struct TookTooLong(Duration);

/// Gives up on `endpoint` after `limit`, with a 503. A transaction that it had open is rolled back.
pub(crate) async fn limit_time<E: Endpoint>(
    limit: Duration,
    endpoint: Arc<E>,
    request: Request,
) -> Result<E::Output> {
    match tokio::time::timeout(limit, endpoint.call(request)).await {
        Ok(result) => result,
        Err(_) => Err(Problem::unavailable(TookTooLong(limit)).into()),
    }
}
