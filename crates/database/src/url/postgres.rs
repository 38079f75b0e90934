//! A `postgres://` URL as the client reads it, together with the `PG…` variables. It decides
//! whether the connection may be in plain text.

use std::{env, fs, net::IpAddr, path::Path, str::FromStr};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

use super::DatabaseUrlError;

/// The client's names of the TLS parameters.
const MODE: [&str; 2] = ["sslmode", "ssl-mode"];
const ROOTS: [&str; 3] = ["sslrootcert", "ssl-root-cert", "ssl-ca"];
const CLIENT: [&str; 4] = ["sslcert", "ssl-cert", "sslkey", "ssl-key"];

/// Reads a URL. If neither it nor `PGSSLMODE` has a mode, the mode is
/// 1. `verify-full` with a root certificate and a server that is reached over TCP,
/// 2. the client's default, `prefer`, for a server on this machine,
/// 3. `require` otherwise. The URLs that platforms set often have no mode.
pub(super) fn parse(text: &str) -> Result<PgConnectOptions, DatabaseUrlError> {
    let with_host = with_host(text);
    let text = with_host.as_deref().unwrap_or(text);
    let url = Url::parse(text).map_err(|_| DatabaseUrlError::NotAUrl)?;
    if is_cut_by_its_password(&url) {
        return Err(DatabaseUrlError::NotAUrl);
    }
    let path = url.path().trim_start_matches('/');
    if path.is_empty() && parameter(&url, &["dbname"]).is_none() {
        return Err(DatabaseUrlError::NoDatabase);
    }
    check_names(&url)?;
    let mode = variable::<PgSslMode>("PGSSLMODE").map_err(|()| DatabaseUrlError::Mode)?;
    variable::<u16>("PGPORT").map_err(|()| DatabaseUrlError::Port)?;

    let options = PgConnectOptions::from_str(text).map_err(|_| DatabaseUrlError::Postgres)?;
    let mut options = without_empty_variables(options);
    if with_host.is_some() && parameter(&url, &["host", "hostaddr"]).is_none() {
        options = options.host(&host_of_variables());
    }
    let roots = parameter(&url, &ROOTS).or_else(|| set("PGSSLROOTCERT"));
    match &roots {
        Some(roots) if !are_certificates(roots) => return Err(DatabaseUrlError::Roots),
        Some(_) => {}
        // The client would read an empty path as a file.
        None => options = options.ssl_root_cert_from_pem(Vec::new()),
    }
    if parameter(&url, &MODE).is_some() || mode.is_some() {
        return Ok(options);
    }
    let place = Place::of(&options);
    Ok(match place {
        Place::Socket => options,
        _ if roots.is_some() => options.ssl_mode(PgSslMode::VerifyFull),
        Place::Loopback => options,
        Place::Elsewhere => options.ssl_mode(PgSslMode::Require),
    })
}

/// Whether an unencoded `/`, `?` or `#` in the password ended the part of the URL that is kept
/// secret. The rest would be read as the database or a parameter, which are printed.
fn is_cut_by_its_password(url: &Url) -> bool {
    let rest = [Some(url.path()), url.query(), url.fragment()];
    let has_at = rest.iter().flatten().any(|part| part.contains('@'));
    has_at || url.path().trim_start_matches('/').contains('/')
}

/// The client ignores unknown parameters, so a misspelt one would mean less TLS than intended.
fn check_names(url: &Url) -> Result<(), DatabaseUrlError> {
    let known = [&MODE[..], &ROOTS, &CLIENT].concat();
    let is_strange =
        |name: &str| name.to_ascii_lowercase().contains("ssl") && !known.contains(&name);
    if url.query_pairs().any(|(name, _)| is_strange(&name)) {
        return Err(DatabaseUrlError::Postgres);
    }
    Ok(())
}

/// A parameter of the URL under any of its names. An empty one counts as unset.
fn parameter(url: &Url, names: &[&str]) -> Option<String> {
    let mut pairs = url.query_pairs();
    let found = pairs.find(|(name, value)| names.contains(&&**name) && !value.is_empty());
    found.map(|(_, value)| value.into_owned())
}

/// Whether this is the path of a PEM file, or PEM itself, which the client accepts too.
fn are_certificates(roots: &str) -> bool {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    roots.contains(BEGIN) || fs::read_to_string(roots).is_ok_and(|pem| pem.contains(BEGIN))
}

/// A variable of the environment. An empty one counts as unset.
fn set(name: &str) -> Option<String> {
    let value = env::var_os(name).filter(|value| !value.is_empty())?;
    Some(value.to_string_lossy().into_owned())
}

/// A variable that the client would replace by its default if it is invalid.
fn variable<T: FromStr>(name: &str) -> Result<Option<T>, ()> {
    set(name)
        .map(|value| value.parse().map_err(drop))
        .transpose()
}

/// The client reads an empty variable as an empty host.
fn without_empty_variables(options: PgConnectOptions) -> PgConnectOptions {
    if !options.get_host().is_empty() {
        return options;
    }
    options.host(&host_of_variables())
}

/// The host that the environment sets.
fn host_of_variables() -> String {
    let host = set("PGHOSTADDR").or_else(|| set("PGHOST"));
    host.unwrap_or_else(|| "localhost".to_owned())
}

/// `postgres://user:password@/name?host=/run/postgresql` with a host after the `@`. PostgreSQL's own
/// client accepts a URL without one, and the parser of URLs does not. `None` if there is nothing to add.
fn with_host(text: &str) -> Option<String> {
    let start = text.find("://")? + "://".len();
    let end = text[start..]
        .find(['/', '?', '#'])
        .map_or(text.len(), |at| start + at);
    let after_user = start + text[start..end].rfind('@')? + 1;
    let (before, host) = text.split_at(after_user);
    (host.is_empty() || host.starts_with(['/', '?', '#', ':']))
        .then(|| format!("{before}localhost{host}"))
}

/// Where the server is.
enum Place {
    /// Behind a Unix socket, without TLS.
    Socket,
    /// On this machine.
    Loopback,
    Elsewhere,
}

impl Place {
    /// Uses the host of the client's options, no matter where it was set.
    fn of(options: &PgConnectOptions) -> Self {
        let host = options.get_host();
        if options.get_socket().is_some() || Path::new(host).is_absolute() {
            return Self::Socket;
        }
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
        if host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|it| it.is_loopback()) {
            return Self::Loopback;
        }
        Self::Elsewhere
    }
}
