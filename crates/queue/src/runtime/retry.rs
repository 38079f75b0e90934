//! Time limits of statements, and pauses between retries.

use std::{borrow::Cow, future::Future, time::Duration};

use sea_orm::{DbErr, RuntimeErr};
use thiserror::Error;

/// A statement of the queue that takes longer counts as failed.
pub(super) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest pause after a failure.
const PAUSE_LIMIT: Duration = Duration::from_secs(2);

/// Why a statement failed.
#[derive(Debug, Error)]
pub(super) enum StatementError {
    #[error("the database did not answer within {} s", STATEMENT_TIMEOUT.as_secs())]
    Timeout,
    #[error(transparent)]
    Database(#[from] DbErr),
}

impl StatementError {
    /// Whether the database refuses a value, so that a retry is pointless: SQLSTATE classes 22 and
    /// 23, and `SQLITE_CONSTRAINT` (19) with its extensions.
    pub(super) fn is_about_data(&self) -> bool {
        self.answer().is_some_and(|code| match code.len() {
            5 => code.starts_with("22") || code.starts_with("23"),
            _ => code.parse::<u32>().is_ok_and(|code| code & 0xff == 19),
        })
    }

    /// Whether the database did not answer at all, so that the connection may be lost.
    pub(super) fn is_silence(&self) -> bool {
        self.answer().is_none()
    }

    /// Whether the same statement may succeed later: no answer, or an SQLSTATE of a lost connection (class 08), a
    /// read-only server (25), a conflict (40), no resources (53), a lock (55), an operator (57) or the system
    /// (58). SQLite: busy (5), locked (6), read-only (8), an I/O error (10), a full disk (13).
    pub(super) fn is_passing(&self) -> bool {
        self.answer().is_none_or(|code| match code.len() {
            5 => ["08", "25", "40", "53", "55", "57", "58"].contains(&&code[..2]),
            _ => code
                .parse::<u32>()
                .is_ok_and(|code| [5, 6, 8, 10, 13].contains(&(code & 0xff))),
        })
    }

    /// The code of the database's answer.
    fn answer(&self) -> Option<Cow<'_, str>> {
        let Self::Database(
            DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)),
        ) = self
        else {
            return None;
        };
        error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
    }
}

/// Runs a statement under the time limit.
pub(super) async fn in_time<T>(
    statement: impl Future<Output = Result<T, DbErr>>,
) -> Result<T, StatementError> {
    match tokio::time::timeout(STATEMENT_TIMEOUT, statement).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(StatementError::Timeout),
    }
}

/// Pauses that grow with every failure in a row, from 50 ms to 2 s.
#[derive(Debug, Default)]
pub(super) struct Pauses(u32);

impl Pauses {
    /// The next pause.
    pub(super) fn next(&mut self) -> Duration {
        let pause = Duration::from_millis(50 << self.0.min(10)).min(PAUSE_LIMIT);
        self.0 += 1;
        jittered(pause)
    }

    /// After a success, the next pause is short again.
    pub(super) fn reset(&mut self) {
        self.0 = 0;
    }
}

/// A duration ± 20 %, so that processes that failed together do not retry together.
pub(super) fn jittered(duration: Duration) -> Duration {
    let seconds = duration.as_secs_f64() * rand::random_range(0.8..=1.2);
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}
