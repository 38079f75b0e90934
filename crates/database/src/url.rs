//! `DATABASE_URL`. It is checked when the settings are read, and printed without its password.

mod postgres;

use std::{fmt, path::PathBuf, str::FromStr};

use sqlx::{postgres::PgConnectOptions, sqlite::SqliteConnectOptions};
use thiserror::Error;

/// Where the database is. `Debug` and `Display` leave out the password.
#[derive(Clone)]
pub struct DatabaseUrl {
    text: String,
    pub(crate) target: Target,
}

#[derive(Clone)]
pub(crate) enum Target {
    Postgres(Box<PgConnectOptions>),
    Sqlite {
        path: PathBuf,
        options: Box<SqliteConnectOptions>,
    },
}

/// What is wrong with a `DATABASE_URL`. The errors do not repeat it: it may have a password.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum DatabaseUrlError {
    /// It does not parse as a URL.
    #[error(
        "this is not a URL; postgres://user:password@host/name or sqlite://path is accepted, with \
         special characters in the password percent-encoded"
    )]
    NotAUrl,
    /// The scheme of another database.
    #[error("a URL that begins with postgres://, postgresql:// or sqlite:// is accepted")]
    Scheme,
    /// A part that PostgreSQL's client does not accept, such as a query parameter or a port.
    #[error(
        "PostgreSQL's client does not understand a part of it (port, sslmode or another parameter)"
    )]
    Postgres,
    /// An invalid `PGSSLMODE`, which the client would read as `prefer`.
    #[error(
        "PGSSLMODE is wrong; disable, allow, prefer, require, verify-ca or verify-full is accepted"
    )]
    Mode,
    /// An invalid `PGPORT`, which the client would read as 5432.
    #[error("PGPORT is wrong; a number from 0 to 65535 is accepted")]
    Port,
    /// Invalid root certificates.
    #[error("its sslrootcert, or PGSSLROOTCERT, is not a readable PEM file of certificates")]
    Roots,
    /// A `postgres://` URL without a database.
    #[error("it names no database: postgres://user:password@host/NAME is accepted")]
    NoDatabase,
    /// A `sqlite://` URL that does not parse.
    #[error("sqlite://path or sqlite:///absolute/path is accepted")]
    Sqlite,
    /// SQLite that cannot be written.
    #[error("SQLite with mode=ro or immutable=true cannot be written; leave this parameter out")]
    SqliteReadOnly,
    /// SQLite in memory, where no second process or connection would see the rows.
    #[error("SQLite in memory cannot be shared by web and worker; sqlite://path is accepted")]
    SqliteMemory,
}

impl DatabaseUrl {
    /// Whether this is SQLite.
    pub fn is_sqlite(&self) -> bool {
        matches!(self.target, Target::Sqlite { .. })
    }

    /// Whether this is SQLite and a missing file is created: not with `mode=rw`, which requires
    /// an existing one.
    pub(crate) fn creates_its_file(&self) -> bool {
        self.is_sqlite() && !parameters(&self.text).any(|it| it == "mode=rw")
    }

    /// The URL with its password.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let target = match text.split_once(':').map(|(scheme, _)| scheme) {
            Some("postgres" | "postgresql") => Target::Postgres(Box::new(postgres::parse(text)?)),
            Some("sqlite") => sqlite(text)?,
            Some(_) if text.contains("://") => return Err(DatabaseUrlError::Scheme),
            _ => return Err(DatabaseUrlError::NotAUrl),
        };
        Ok(Self {
            text: text.to_owned(),
            target,
        })
    }
}

/// The parameters of a `sqlite://` URL.
fn parameters(text: &str) -> impl Iterator<Item = &str> {
    let query = text.split_once('?').map_or("", |(_, query)| query);
    query.split('&')
}

fn sqlite(text: &str) -> Result<Target, DatabaseUrlError> {
    let after_scheme = text.trim_start_matches("sqlite:").trim_start_matches("//");
    if text.contains(":memory:") || text.contains("mode=memory") {
        return Err(DatabaseUrlError::SqliteMemory);
    }
    let path = after_scheme.split('?').next().unwrap_or_default();
    let options = SqliteConnectOptions::from_str(text).map_err(|_| DatabaseUrlError::Sqlite)?;
    if path.is_empty() {
        return Err(DatabaseUrlError::Sqlite);
    }
    let is_read_only = |it: &str| matches!(it, "mode=ro" | "immutable=true" | "immutable=1");
    if parameters(text).any(is_read_only) {
        return Err(DatabaseUrlError::SqliteReadOnly);
    }
    Ok(Target::Sqlite {
        path: options.get_filename().to_owned(),
        options: Box::new(options),
    })
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Postgres(options) => {
                let host = options.get_host().into();
                let host = options.get_socket().map_or(host, |it| it.to_string_lossy());
                let database = options.get_database().unwrap_or_default();
                write!(f, "postgres://{host}:{}/{database}", options.get_port())
            }
            Target::Sqlite { path, .. } => write!(f, "sqlite://{}", path.display()),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ssl_mode(text: &str) -> String {
        match text.parse::<DatabaseUrl>().unwrap().target {
            Target::Postgres(options) => format!("{:?}", options.get_ssl_mode()),
            Target::Sqlite { .. } => unreachable!("a PostgreSQL URL was given"),
        }
    }

    #[test]
    fn a_remote_postgres_url_without_a_mode_requires_tls() {
        assert_eq!(
            ssl_mode("postgres://u:p@ec2-1-2-3-4.example.com:5432/name"),
            "Require"
        );
        assert_eq!(ssl_mode("postgres://u:p@10.0.0.7/name"), "Require");
    }

    #[test]
    fn the_mode_depends_on_the_host_that_the_client_uses() {
        let elsewhere = "host=db.example.com";
        for (text, mode) in [
            (
                format!("postgres://u@localhost/name?{elsewhere}"),
                "Require",
            ),
            (format!("postgres:///name?{elsewhere}"), "Require"),
            ("postgres:///name?hostaddr=10.0.0.7".to_owned(), "Require"),
            ("postgres://u@db/name?host=127.0.0.1".to_owned(), "Prefer"),
            ("postgres://u@db/name?host=/tmp".to_owned(), "Prefer"),
            ("postgres://u:p@/name?host=/tmp".to_owned(), "Prefer"),
            (format!("postgres://u:p@/name?{elsewhere}"), "Require"),
            (format!("postgres://u@%2Ftmp/name?{elsewhere}"), "Prefer"),
        ] {
            assert_eq!(ssl_mode(&text), mode, "{text}");
        }
    }

    #[test]
    fn a_root_certificate_without_a_mode_means_verify_full() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "-----BEGIN CERTIFICATE-----\n").unwrap();
        let roots = format!("sslrootcert={}", file.path().display());
        for (text, mode) in [
            (format!("postgres://u@db/name?{roots}"), "VerifyFull"),
            (format!("postgres://u@localhost/name?{roots}"), "VerifyFull"),
            (format!("postgres:///name?host=/tmp&{roots}"), "Prefer"),
            (
                format!("postgres://u@db/name?sslmode=require&{roots}"),
                "Require",
            ),
            ("postgres://u@db/name?sslrootcert=".to_owned(), "Require"),
        ] {
            assert_eq!(ssl_mode(&text), mode, "{text}");
        }
    }

    #[test]
    fn loopback_and_an_explicit_mode_keep_the_mode() {
        assert_eq!(ssl_mode("postgres://u:p@localhost/name"), "Prefer");
        assert_eq!(ssl_mode("postgres://u:p@127.0.0.1/name"), "Prefer");
        assert_eq!(ssl_mode("postgres://u:p@[::1]/name"), "Prefer");
        assert_eq!(
            ssl_mode("postgres://u@%2Fvar%2Frun%2Fpostgresql/name"),
            "Prefer"
        );
        assert_eq!(
            ssl_mode("postgres://u:p@db/name?sslmode=disable"),
            "Disable"
        );
    }

    #[test]
    fn an_invalid_url_is_explained_without_repeating_it() {
        for (text, fault) in [
            ("nonsense", DatabaseUrlError::NotAUrl),
            ("mysql://root:hunter2@db/name", DatabaseUrlError::Scheme),
            ("postgres://root:hunter2@db", DatabaseUrlError::NoDatabase),
            (
                "postgres://root:hun#ter2@db/name",
                DatabaseUrlError::NotAUrl,
            ),
            (
                "postgres://root:80/hunter2@db/name",
                DatabaseUrlError::NotAUrl,
            ),
            (
                "postgres://root:80/name?hunter2@db/name",
                DatabaseUrlError::NotAUrl,
            ),
            (
                "postgres://root:80/name?dbname=hunter2@db/name",
                DatabaseUrlError::NotAUrl,
            ),
            (
                "postgres://root:80/name#hunter2@db/name",
                DatabaseUrlError::NotAUrl,
            ),
            (
                "postgres://root:hunter2@db/name?sslrootcert=/nowhere/roots.pem",
                DatabaseUrlError::Roots,
            ),
            (
                "postgres://root:hunter2@db/name?sslMode=verify-full",
                DatabaseUrlError::Postgres,
            ),
            (
                "postgres://root:hunter2@db/name?sslmode=maybe",
                DatabaseUrlError::Postgres,
            ),
            ("sqlite::memory:", DatabaseUrlError::SqliteMemory),
            ("sqlite://", DatabaseUrlError::Sqlite),
            (
                "sqlite://data/file?mode=ro",
                DatabaseUrlError::SqliteReadOnly,
            ),
            (
                "postgres://root:hunter2@?sslmode=disable",
                DatabaseUrlError::NoDatabase,
            ),
        ] {
            let error = text.parse::<DatabaseUrl>().unwrap_err();
            assert_eq!(error, fault, "{text}");
            assert!(!error.to_string().contains("hunter2"));
        }
    }

    #[test]
    fn a_printed_url_has_no_password() {
        let url: DatabaseUrl = "postgres://root:hunter2@db/name".parse().unwrap();
        assert_eq!(
            format!("{url} {url:?}"),
            "postgres://db:5432/name postgres://db:5432/name"
        );
        let url: DatabaseUrl = "postgres://u@db/name?host=/tmp".parse().unwrap();
        assert_eq!(url.to_string(), "postgres:///tmp:5432/name");
    }
}
