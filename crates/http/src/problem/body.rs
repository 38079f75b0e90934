//! The limits of a body, as errors.

use std::io;

use thiserror::Error;

/// Why a body was not read to its end. The texts are for the client.
#[derive(Clone, Copy, Debug, Error)]
pub(crate) enum BodyError {
    #[error("The body is larger than {0} bytes.")]
    TooLarge(u64),
    #[error("The body did not arrive in time.")]
    TooSlow,
    #[error("There is no room for the body now. Try again later.")]
    NoRoom,
    #[error("Too many requests are in progress. Try again later.")]
    NoPlace,
}

impl BodyError {
    /// Finds it among the sources of an extractor's error.
    pub(super) fn find(error: &io::Error) -> Option<Self> {
        let inner = error.get_ref()?;
        let wrapped = || Self::find(inner.downcast_ref()?);
        inner.downcast_ref().copied().or_else(wrapped)
    }
}
