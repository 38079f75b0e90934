//! Turns errors of the database into problems.

use poem::http::StatusCode;
use sea_orm::{DbErr, RuntimeErr, SqlxError};
use thiserror::Error;

use super::{FieldError, Problem};

/// 503 if the database is away or overloaded, so that a retry can help; otherwise 500.
impl From<DbErr> for Problem {
    fn from(error: DbErr) -> Self {
        if is_away(&error) {
            Self::unavailable(error)
        } else if let Some(code) = data_exception(&error) {
            Self::internal(DataException(code))
        } else {
            Self::internal(error)
        }
    }
}

impl Problem {
    /// 409 that points at the one of `columns` whose unique constraint refused a row. Any other
    /// error is converted as every [`DbErr`]. The constraint must have PostgreSQL's default name,
    /// and the field of the body the name of the column.
    pub fn taken(error: DbErr, columns: &[&str]) -> Self {
        let Some(column) = taken_column(&error, columns) else {
            return error.into();
        };
        let errors = vec![FieldError::new(format!("/{column}"), "is taken")];
        Self {
            errors,
            ..Self::new(StatusCode::CONFLICT, "A value is taken; see `errors`.")
        }
    }
}

/// PostgreSQL names the constraint, `user_email_key`; SQLite's message ends with the column,
/// `user.email`. The longest match counts: `number` also matches `account_number`'s constraint.
fn taken_column<'a>(error: &DbErr, columns: &[&'a str]) -> Option<&'a str> {
    let error = sqlx_error(error)?.as_database_error()?;
    if !error.is_unique_violation() {
        return None;
    }
    let fits = |column: &&str| match error.constraint() {
        Some(constraint) => constraint.ends_with(&format!("_{column}_key")),
        None => error.message().ends_with(&format!(".{column}")),
    };
    let fitting = columns.iter().copied().filter(fits);
    fitting.max_by_key(|column| column.len())
}

fn is_away(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => true,
        _ => match sqlx_error(error) {
            Some(SqlxError::Database(error)) => error.code().is_some_and(|code| is_passing(&code)),
            Some(
                SqlxError::Io(_)
                | SqlxError::Tls(_)
                | SqlxError::PoolTimedOut
                | SqlxError::PoolClosed
                | SqlxError::WorkerCrashed,
            ) => true,
            _ => false,
        },
    }
}

/// PostgreSQL (a SQLSTATE has five characters): connection lost (class 08), serialization failure
/// or deadlock (40), no resources (53), stopped by an operator (57), a system error (58), read-only since a failover
/// (25006), a transaction that idled for too long (25P03), lock timeout (55P03). SQLite: busy (5),
/// no memory (7), read-only (8), I/O error (10), disk full (13), cannot open the file (14).
/// Extended codes have these in their lowest eight bits.
fn is_passing(code: &str) -> bool {
    if code.len() == 5 {
        matches!(code.get(..2), Some("08" | "40" | "53" | "57" | "58"))
            || matches!(code, "25006" | "25P03" | "55P03")
    } else {
        let code = code.parse::<u32>().map(|code| code & 0xff);
        matches!(code, Ok(5 | 7 | 8 | 10 | 13 | 14))
    }
}

/// PostgreSQL's messages of class 22 quote the refused value, which must not be logged.
#[derive(Debug, Error)]
#[error("the database refused a value (SQLSTATE {0})")]
struct DataException(String);

fn data_exception(error: &DbErr) -> Option<String> {
    let code = sqlx_error(error)?.as_database_error()?.code()?;
    (code.len() == 5 && code.starts_with("22")).then(|| code.into_owned())
}

fn sqlx_error(error: &DbErr) -> Option<&SqlxError> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
            Some(error)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::{borrow::Cow, error::Error as StdError, sync::Arc};

    use sea_orm::sqlx::error::{DatabaseError, ErrorKind};

    use super::*;

    #[derive(Debug, Error)]
    #[error("the message, with a s3cret")]
    struct Refusal(&'static str);

    impl DatabaseError for Refusal {
        fn message(&self) -> &'static str {
            "the message, with a s3cret"
        }

        fn code(&self) -> Option<Cow<'_, str>> {
            Some(self.0.into())
        }

        fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
            self
        }

        fn kind(&self) -> ErrorKind {
            ErrorKind::Other
        }
    }

    fn problem(code: &'static str) -> Problem {
        let error = SqlxError::Database(Box::new(Refusal(code)));
        DbErr::Query(RuntimeErr::SqlxError(Arc::new(error))).into()
    }

    #[test]
    fn a_transient_error_is_503_and_any_other_is_500() {
        for code in [
            "08006", "40001", "53300", "57P01", "58030", "25006", "25P03", "55P03", "5", "517",
            "13", "778",
        ] {
            assert_eq!(
                problem(code).status,
                StatusCode::SERVICE_UNAVAILABLE,
                "{code}"
            );
        }
        for code in ["42P01", "25001", "1", "531"] {
            assert_eq!(
                problem(code).status,
                StatusCode::INTERNAL_SERVER_ERROR,
                "{code}"
            );
        }
    }

    #[test]
    fn a_message_that_quotes_a_value_is_not_logged() {
        let cause = |code| problem(code).cause.map(|cause| cause.to_string());
        assert!(cause("22P02").is_some_and(|text| !text.contains("s3cret")));
        assert!(cause("42P01").is_some_and(|text| text.contains("s3cret")));
    }
}
