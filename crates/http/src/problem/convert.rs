//! Turns errors of libraries into problems.

use std::io;

use poem::{error::ReadBodyError, http::StatusCode};
use poem_openapi::error::{ParseParamError, ParsePathError};

use super::{BodyError, Problem};

/// The errors of poem and its extractors. Their texts may repeat client input, so none is used.
impl From<poem::Error> for Problem {
    fn from(error: poem::Error) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(problem) => return problem,
            Err(error) => error,
        };
        if error.is::<ParsePathError>() || error.is::<poem::error::ParsePathError>() {
            // A malformed name in a path does not exist.
            return Self::not_found();
        }
        if let Some(error) = error.downcast_ref::<ParseParamError>() {
            let detail = format!(
                "The parameter `{}` is missing or not what it should be.",
                error.name
            );
            return Self::new(StatusCode::BAD_REQUEST, detail);
        }
        if let Some(error) = error.downcast_ref::<ReadBodyError>() {
            return Self::from(error);
        }
        match error.status() {
            status if status.is_server_error() => Self::of_status(status).cause(error),
            status => Self::of_status(status).headers_of(&error.into_response()),
        }
    }
}

impl From<&ReadBodyError> for Problem {
    fn from(error: &ReadBodyError) -> Self {
        match error {
            ReadBodyError::Io(error) => Self::of_body(error),
            _ => Self::new(StatusCode::BAD_REQUEST, "The body could not be read."),
        }
    }
}

impl Problem {
    /// The problem of an error while reading a body.
    pub(crate) fn of_body(error: &io::Error) -> Self {
        match BodyError::find(error) {
            Some(error) => error.into(),
            None => Self::new(StatusCode::BAD_REQUEST, "The body could not be read."),
        }
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        let status = match error {
            BodyError::NoRoom | BodyError::NoPlace => return Self::busy(),
            BodyError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            BodyError::TooSlow => StatusCode::REQUEST_TIMEOUT,
        };
        Self::new(status, error.to_string())
    }
}

/// 500, with the context from `anyhow` for the log.
impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Self {
        Self::internal(error)
    }
}
