//! The errors of attempts, kept with the job in limited number and length.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A job keeps this many of its errors, the last ones.
pub const ERRORS_KEPT: usize = 20;

/// How long the text of an error may be, in bytes.
pub const ERROR_LIMIT: usize = 2048;

/// Why an attempt failed, for operators and never for clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptError {
    /// The attempt's number, from 1.
    pub attempt: i32,
    /// When it failed.
    pub at: DateTime<Utc>,
    /// The text of the error.
    pub error: String,
}

impl AttemptError {
    /// An error of at most [`ERROR_LIMIT`] bytes, without the NUL characters that PostgreSQL cannot
    /// store.
    pub fn new(attempt: i32, at: DateTime<Utc>, error: &str) -> Self {
        let mut error = error.replace('\0', "\u{fffd}");
        error.truncate(error.floor_char_boundary(ERROR_LIMIT));
        Self { attempt, at, error }
    }
}

/// Adds an error to those of a job, as JSON. The oldest beyond [`ERRORS_KEPT`] are dropped.
pub fn append_error(errors: Option<&str>, error: AttemptError) -> String {
    let mut errors: Vec<AttemptError> = errors
        .and_then(|errors| serde_json::from_str(errors).ok())
        .unwrap_or_default();
    errors.push(error);
    let surplus = errors.len().saturating_sub(ERRORS_KEPT);
    errors.drain(..surplus);
    serde_json::to_string(&errors).unwrap_or_else(|_| "[]".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_20_errors_are_kept_at_2_kib_each() {
        let mut errors = None;
        for attempt in 1..=25 {
            let error = AttemptError::new(attempt, Utc::now(), &"ü\0".repeat(5_000));
            errors = Some(append_error(errors.as_deref(), error));
        }
        let errors: Vec<AttemptError> = serde_json::from_str(&errors.unwrap()).unwrap();
        assert_eq!(errors.len(), ERRORS_KEPT);
        assert_eq!((errors[0].attempt, errors[19].attempt), (6, 25));
        assert!(
            errors
                .iter()
                .all(|e| e.error.len() <= ERROR_LIMIT && !e.error.contains('\0'))
        );
    }
}
