//! `DATABASE_URL`, checked when the settings are read and never printed with its password.

use std::{fmt, net::IpAddr, path::PathBuf, str::FromStr};

use sqlx::{
    postgres::{PgConnectOptions, PgSslMode},
    sqlite::SqliteConnectOptions,
};
use thiserror::Error;
use url::{Host, Url};

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

/// What is wrong with a `DATABASE_URL`. No text of the URL is repeated: it may hold a password.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum DatabaseUrlError {
    /// It does not parse as a URL.
    #[error(
        "this is not a URL; postgres://user:password@host/name or sqlite://path is accepted, with \
         special characters in the password percent-encoded"
    )]
    NotAUrl,
    /// Another database's scheme.
    #[error("a URL that begins with postgres://, postgresql:// or sqlite:// is accepted")]
    Scheme,
    /// A query parameter, a port or the like that PostgreSQL's client does not take.
    #[error(
        "PostgreSQL's client does not understand a part of it (port, sslmode or another parameter)"
    )]
    Postgres,
    /// A `postgres://` URL without a database.
    #[error("it names no database: postgres://user:password@host/NAME is accepted")]
    NoDatabase,
    /// A `sqlite://` URL that does not parse.
    #[error("sqlite://path or sqlite:///absolute/path is accepted")]
    Sqlite,
    /// SQLite in memory, where no second process or connection would see the rows.
    #[error("SQLite in memory cannot be shared by web and worker; sqlite://path is accepted")]
    SqliteMemory,
}

impl DatabaseUrl {
    /// Whether this is SQLite.
    pub fn is_sqlite(&self) -> bool {
        matches!(self.target, Target::Sqlite { .. })
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
            Some("postgres" | "postgresql") => postgres(text)?,
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

fn postgres(text: &str) -> Result<Target, DatabaseUrlError> {
    let url = Url::parse(text).map_err(|_| DatabaseUrlError::NotAUrl)?;
    let names = |key: &str| url.query_pairs().any(|(name, _)| name == key);
    if url.path().trim_start_matches('/').is_empty() && !names("dbname") {
        return Err(DatabaseUrlError::NoDatabase);
    }
    // An unencoded slash in a password makes the rest of it the path, which is printed.
    if url.path().contains('@') || url.path().trim_start_matches('/').contains('/') {
        return Err(DatabaseUrlError::NotAUrl);
    }
    let mut options = PgConnectOptions::from_str(text).map_err(|_| DatabaseUrlError::Postgres)?;
    // Heroku's URL names no sslmode, and the client's own default falls back to plain text.
    let mode_is_given =
        names("sslmode") || names("ssl-mode") || std::env::var_os("PGSSLMODE").is_some();
    if !mode_is_given && !is_local(&url) {
        options = options.ssl_mode(PgSslMode::Require);
    }
    Ok(Target::Postgres(Box::new(options)))
}

/// Loopback, or a Unix socket (an encoded path for a host, or none).
fn is_local(url: &Url) -> bool {
    let is_loopback = |host: &str| {
        host.trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
    };
    match url.host() {
        None => true,
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => {
            name == "localhost" || name.to_ascii_lowercase().starts_with("%2f") || is_loopback(name)
        }
    }
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
    Ok(Target::Sqlite {
        path: options.get_filename().to_owned(),
        options: Box::new(options),
    })
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Postgres(options) => write!(
                f,
                "postgres://{}:{}/{}",
                options.get_host(),
                options.get_port(),
                options.get_database().unwrap_or_default()
            ),
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
    fn loopback_and_an_explicit_mode_are_left_alone() {
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
    fn what_is_wrong_with_a_url_is_said_without_repeating_it() {
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
                "postgres://root:hunter2@db/name?sslmode=maybe",
                DatabaseUrlError::Postgres,
            ),
            ("sqlite::memory:", DatabaseUrlError::SqliteMemory),
            ("sqlite://", DatabaseUrlError::Sqlite),
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
    }
}
