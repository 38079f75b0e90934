//! The mail server: its URL and its certificate.

use std::{fmt, fs, str::FromStr};

use lettre::{
    AsyncSmtpTransport, Tokio1Executor,
    transport::smtp::{
        self, AsyncSmtpTransportBuilder,
        client::{Certificate, Tls, TlsParameters},
        extension::ClientId,
    },
};
use url::Url;

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// A mail server's URL, whose password is never printed.
#[derive(Clone)]
pub struct SmtpUrl(Url);

impl FromStr for SmtpUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const ACCEPTED: &str = "smtp://user:password@host:port or smtps://… is accepted, with \
                                special characters in the password percent-encoded";
        let url = Url::parse(text).map_err(|_| ACCEPTED)?;
        // An unencoded `/`, `?` or `#` in a password turns its start into the port, and the rest into the name
        // that the server is greeted with.
        let rest = [Some(url.path()), url.query(), url.fragment()];
        if rest.iter().flatten().any(|part| part.contains('@')) {
            return Err(ACCEPTED);
        }
        if !matches!(url.scheme(), "smtp" | "smtps") {
            return Err(ACCEPTED);
        }
        let url = Self(url);
        url.transport(None).map_err(|_| ACCEPTED)?;
        Ok(url)
    }
}

impl SmtpUrl {
    /// A transport to the server, which does not connect yet. The server's certificate must be from a public
    /// authority or from one of `roots`.
    pub(super) fn transport(
        &self,
        roots: Option<&RootCertificates>,
    ) -> Result<AsyncSmtpTransportBuilder, smtp::Error> {
        let mut url = self.0.clone();
        let mode = url.query_pairs().find(|(name, _)| name == "tls");
        let mode = mode.map(|(_, mode)| mode.into_owned());
        let is_plain = url.scheme() == "smtp";
        // A password is sent only over TLS, and with roots the server must prove its identity. Otherwise TLS is
        // used if the server supports it.
        let has_login = !url.username().is_empty() || url.password().is_some();
        let is_required = match mode.as_deref() {
            Some(mode) => mode == "required",
            None => has_login || roots.is_some(),
        };
        if is_plain && mode.is_none() {
            let mode = if is_required {
                "required"
            } else {
                "opportunistic"
            };
            url.query_pairs_mut().append_pair("tls", mode);
        }
        let mut transport = Transport::from_url(url.as_str())?;
        // The URL's path may name this host. A relay may refuse the library's default, an address.
        if matches!(url.path(), "" | "/") {
            transport = transport.hello_name(ClientId::Domain(dockerflow::hostname()));
        }
        let (Some(roots), Some(host)) = (roots, url.host_str()) else {
            return Ok(transport);
        };
        let parameters = roots.trusted_by(host)?;
        Ok(transport.tls(match (is_plain, is_required) {
            (false, _) => Tls::Wrapper(parameters),
            (true, true) => Tls::Required(parameters),
            (true, false) => Tls::Opportunistic(parameters),
        }))
    }
}

impl fmt::Debug for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SmtpUrl(…)")
    }
}

/// Root certificates, read from a PEM file together with the settings, or given as PEM.
#[derive(Clone, Debug)]
pub struct RootCertificates(Certificate);

impl FromStr for RootCertificates {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
        let pem = if text.trim_start().starts_with("-----BEGIN") {
            text.to_owned()
        } else {
            fs::read_to_string(text).map_err(|error| format!("the file cannot be read: {error}"))?
        };
        let certificates = Certificate::from_pem(pem.as_bytes()).ok();
        let roots = certificates.filter(|_| pem.contains(BEGIN)).map(Self);
        let roots = roots.filter(|roots| roots.trusted_by("localhost").is_ok());
        roots.ok_or_else(|| "a PEM file of certificates is accepted".to_owned())
    }
}

impl RootCertificates {
    fn trusted_by(&self, host: &str) -> Result<TlsParameters, smtp::Error> {
        TlsParameters::builder(host.to_owned())
            .add_root_certificate(self.0.clone())
            .build()
    }
}
