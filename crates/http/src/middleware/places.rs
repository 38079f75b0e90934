//! How many requests are in progress at a time. Otherwise a new one would wait in a long line for the
//! database, only to fail then.

use std::sync::{Arc, OnceLock};

use dockerflow::metrics::{Metric, Unit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use crate::{problem::BodyError, rarely::Rarely};

pub(crate) static REQUESTS_OVER_LIMIT: Metric = Metric::counter(
    "http_requests_over_limit_total",
    Unit::Count,
    &[],
    "Requests that were answered with 503 at once, because too many were in progress",
);

static REFUSED: Rarely = Rarely::new();

/// The places for requests.
#[derive(Clone, Debug)]
pub(crate) struct Places(Arc<Semaphore>);

impl Places {
    pub(crate) fn new(requests: usize) -> Self {
        REQUESTS_OVER_LIMIT.add(0, []);
        Self(Arc::new(Semaphore::new(requests)))
    }

    /// Takes a place for a request that has arrived.
    ///
    /// # Errors
    /// All places are taken.
    pub(super) fn take(&self) -> Result<SemaphorePermit<'_>, BodyError> {
        self.0.try_acquire().map_err(|_| refused())
    }

    /// A place for a request that is still arriving. It is not taken yet.
    pub(super) fn place(&self) -> Place {
        Place {
            free: self.0.clone(),
            taken: Arc::default(),
        }
    }
}

/// The place of a request. It is free again when the last clone is dropped.
#[derive(Clone, Debug)]
pub(super) struct Place {
    free: Arc<Semaphore>,
    taken: Arc<OnceLock<OwnedSemaphorePermit>>,
}

impl Place {
    /// Takes it once, as soon as all of the request has arrived: a slow client is not in progress.
    ///
    /// # Errors
    /// All places are taken.
    pub(super) fn take(&self) -> Result<(), BodyError> {
        if self.taken.get().is_some() {
            return Ok(());
        }
        if let Ok(permit) = self.free.clone().try_acquire_owned() {
            // Only the request itself takes it, so it is not taken twice.
            let _ = self.taken.set(permit);
            return Ok(());
        }
        Err(refused())
    }
}

fn refused() -> BodyError {
    REQUESTS_OVER_LIMIT.add(1, []);
    if let Some(refused) = REFUSED.count() {
        tracing::warn!(refused, "too many requests are in progress");
    }
    BodyError::NoPlace
}
