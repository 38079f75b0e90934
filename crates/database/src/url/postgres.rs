//! A `postgres://` URL: what the client makes of it and of the `PG…` variables, and whether it may speak in
//! plain text to the server that this leads to.

use std::{env, fs, net::IpAddr, path::Path, str::FromStr};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

use super::DatabaseUrlError;

/// The client's names for the parameters that are about TLS.
const MODE: [&str; 2] = ["sslmode", "ssl-mode"];
const ROOTS: [&str; 3] = ["sslrootcert", "ssl-root-cert", "ssl-ca"];
const CLIENT: [&str; 4] = ["sslcert", "ssl-cert", "sslkey", "ssl-key"];

/// Reads a URL. Where neither it nor `PGSSLMODE` names a mode, the mode is
/// 1. `verify-full` where a root certificate is given and the server is reached over TCP,
/// 2. the client's own default, `prefer`, where the server is on this machine,
/// 3. `require` elsewhere. Heroku's URL names no mode.
pub(super) fn parse(text: &str) -> Result<PgConnectOptions, DatabaseUrlError> {
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
    let roots = parameter(&url, &ROOTS).or_else(|| set("PGSSLROOTCERT"));
    match &roots {
        Some(roots) if !are_certificates(roots) => return Err(DatabaseUrlError::Roots),
        Some(_) => {}
        // The client would take an empty path for a file.
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

/// Whether an unencoded `/`, `?` or `#` in the password ended the part of the URL in which passwords
/// are. The rest of it would be taken for the database or a parameter, which are printed.
fn is_cut_by_its_password(url: &Url) -> bool {
    let rest = [Some(url.path()), url.query(), url.fragment()];
    let has_at = rest.iter().flatten().any(|part| part.contains('@'));
    has_at || url.path().trim_start_matches('/').contains('/')
}

/// The client passes over what it does not know, and TLS would then be less than was asked for.
fn check_names(url: &Url) -> Result<(), DatabaseUrlError> {
    let known = [&MODE[..], &ROOTS, &CLIENT].concat();
    let is_strange =
        |name: &str| name.to_ascii_lowercase().contains("ssl") && !known.contains(&name);
    if url.query_pairs().any(|(name, _)| is_strange(&name)) {
        return Err(DatabaseUrlError::Postgres);
    }
    Ok(())
}

/// A parameter of the URL under any of its names. One that is empty is not set.
fn parameter(url: &Url, names: &[&str]) -> Option<String> {
    let mut pairs = url.query_pairs();
    let found = pairs.find(|(name, value)| names.contains(&&**name) && !value.is_empty());
    found.map(|(_, value)| value.into_owned())
}

/// Whether this is a PEM file's path, or PEM, which the client takes as well.
fn are_certificates(roots: &str) -> bool {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    roots.contains(BEGIN) || fs::read_to_string(roots).is_ok_and(|pem| pem.contains(BEGIN))
}

/// A variable of the environment. One that is empty is not set.
fn set(name: &str) -> Option<String> {
    let value = env::var_os(name).filter(|value| !value.is_empty())?;
    Some(value.to_string_lossy().into_owned())
}

/// A variable that the client takes for its default where it does not understand it.
fn variable<T: FromStr>(name: &str) -> Result<Option<T>, ()> {
    set(name)
        .map(|value| value.parse().map_err(drop))
        .transpose()
}

/// The client takes an empty variable for a host without a name.
fn without_empty_variables(options: PgConnectOptions) -> PgConnectOptions {
    if !options.get_host().is_empty() {
        return options;
    }
    let host = set("PGHOSTADDR").or_else(|| set("PGHOST"));
    options.host(host.as_deref().unwrap_or("localhost"))
}

/// Where the server is.
enum Place {
    /// Behind a Unix socket, in which TLS has no part.
    Socket,
    /// On this machine.
    Loopback,
    Elsewhere,
}

impl Place {
    /// By what the client uses, wherever that was written.
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
