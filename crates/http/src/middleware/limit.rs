//! Limits the time and the body of a request.

use std::{sync::Arc, time::Duration};

use poem::{Endpoint, Request, Result, http::StatusCode};
use thiserror::Error;

use super::{body::limit_body, budget::Budget, places::Places};
use crate::{Limits, problem::Problem};

#[derive(Debug, Error)]
#[error("no answer within {0:?}")]
struct TookTooLong(Duration);

/// Marks a request on a connection of the reserve.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BeyondCapacity;

/// Marks an HTTP/1.1 request without exactly one `Host`, which a proxy may read differently (RFC 9112, section
/// 3.2).
#[derive(Clone, Copy, Debug)]
pub(crate) struct WrongHost;

/// Whether the path is one of Dockerflow's endpoints, which report the health of the service.
fn is_of_dockerflow(path: &str) -> bool {
    path.starts_with("/__")
}

/// Answers 503 if the request is [`BeyondCapacity`] or there is no place for it, and it is not for
/// Dockerflow's endpoints. Also answers 503 if `endpoint` takes longer than a request may: its open
/// transaction is rolled back.
pub(crate) async fn limit<E: Endpoint>(
    limits: Limits,
    budget: Budget,
    places: Places,
    endpoint: Arc<E>,
    mut request: Request,
) -> Result<E::Output> {
    if request.data::<WrongHost>().is_some() {
        let detail = "Exactly one header Host is required.";
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail).into());
    }
    let is_of_dockerflow = is_of_dockerflow(request.uri().path());
    if request.data::<BeyondCapacity>().is_some() && !is_of_dockerflow {
        return Err(Problem::busy().into());
    }
    let held = limit_body(limits, &budget, &places, &mut request);
    let _place = match &held {
        _ if is_of_dockerflow => None,
        None => Some(places.take().map_err(Problem::from)?),
        Some((_, place)) => {
            // No view reads the body of a safe method. Otherwise the request takes its place when all of the
            // body has arrived.
            if request.method().is_safe() {
                place.take().map_err(Problem::from)?;
            }
            None
        }
    };
    match tokio::time::timeout(limits.request_time, endpoint.call(request)).await {
        Ok(result) => result,
        Err(_) => Err(Problem::unavailable(TookTooLong(limits.request_time)).into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io;

    use futures_util::{StreamExt as _, future::join_all, stream};
    use poem::{
        Body,
        endpoint::make,
        web::headers::{ContentLength, HeaderMapExt as _},
    };

    use super::{super::budget::FREE, *};

    const BODY_TIME: Duration = Duration::from_millis(400);

    const LARGE: usize = 100_000;

    /// Room for two and a half large bodies.
    const BUDGET: u32 = 250_000;

    /// Waits until bodies of these sizes have taken their room.
    async fn taken(budget: &Budget, sizes: &[usize]) {
        let counted = sizes.iter().map(|size| *size as u64 - FREE);
        let free = u64::from(BUDGET) - counted.sum::<u64>();
        while budget.free() as u64 > free {
            tokio::task::yield_now().await;
        }
    }

    /// The answer to a body of which `size` bytes arrive, without its end if it is held back.
    async fn status(budget: &Budget, size: usize, is_held_back: bool) -> StatusCode {
        status_within(BODY_TIME, budget, size, is_held_back).await
    }

    async fn status_within(
        body_time: Duration,
        budget: &Budget,
        size: usize,
        is_held_back: bool,
    ) -> StatusCode {
        let limits = Limits {
            body_time,
            ..Limits::default()
        };
        let view = make(async |request: Request| {
            let bytes = request.into_body().into_bytes().await?;
            Ok::<_, poem::Error>(bytes.len().to_string())
        });
        let beginning = stream::iter(
            (0..size)
                .step_by(1000)
                .map(|_| Ok::<_, io::Error>(vec![b'x'; 1000])),
        );
        let mut request = Request::builder().body(if is_held_back {
            Body::from_bytes_stream(beginning.chain(stream::pending()))
        } else {
            Body::from_bytes_stream(beginning)
        });
        request
            .headers_mut()
            .typed_insert(ContentLength(size as u64 + 1));
        let places = Places::new(limits.requests);
        match limit(limits, budget.clone(), places, Arc::new(view), request).await {
            Ok(_) => StatusCode::OK,
            Err(error) => Problem::from(error).respond(None, None).status(),
        }
    }

    #[tokio::test]
    async fn unfinished_bodies_share_a_budget_and_small_bodies_are_still_read() {
        let budget = Budget::new(BUDGET);
        let first = join_all([LARGE, LARGE].map(|size| status(&budget, size, true)));
        let later = async {
            taken(&budget, &[LARGE, LARGE]).await;
            let large = (0..3).map(|_| status_within(BODY_TIME / 4, &budget, LARGE, true));
            tokio::join!(join_all(large), status(&budget, 10_000, false))
        };
        let (first, (large, small)) = tokio::join!(first, later);
        assert_eq!(first, [StatusCode::REQUEST_TIMEOUT; 2]);
        assert_eq!(large, [StatusCode::SERVICE_UNAVAILABLE; 3]);
        assert_eq!(small, StatusCode::OK);
    }

    #[tokio::test]
    async fn a_request_that_ends_frees_its_room() {
        let budget = Budget::new(BUDGET);
        for _ in 0..5 {
            assert_eq!(
                status(&budget, LARGE, true).await,
                StatusCode::REQUEST_TIMEOUT
            );
            assert_eq!(status(&budget, LARGE * 2, false).await, StatusCode::OK);
        }
    }

    #[tokio::test]
    async fn a_body_waits_for_room_until_its_time_is_over() {
        let budget = Budget::new(BUDGET);
        let later = async {
            taken(&budget, &[2 * LARGE]).await;
            status_within(BODY_TIME * 10, &budget, LARGE, false).await
        };
        let (first, later) = tokio::join!(status(&budget, LARGE * 2, true), later);
        assert_eq!(first, StatusCode::REQUEST_TIMEOUT);
        assert_eq!(later, StatusCode::OK);
    }
}
