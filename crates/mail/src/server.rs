//! The mail server: its URL and its certificate.

use std::{fmt, fs, str::FromStr};

use anyhow::{Context as _, bail};
use lettre::{
    Address, AsyncSmtpTransport, Tokio1Executor,
    transport::smtp::{
        self, SUBMISSION_PORT, SUBMISSIONS_PORT,
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, Certificate, Tls, TlsParameters},
        commands::Mail,
        extension::ClientId,
    },
};
use percent_encoding::percent_decode_str;
use url::Url;

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
        url.server(None).map_err(|_| ACCEPTED)?;
        Ok(url)
    }
}

impl SmtpUrl {
    /// The server, which is not connected to yet. Its certificate must be from a public authority or from
    /// one of `roots`.
    pub(crate) fn server(&self, roots: Option<&RootCertificates>) -> anyhow::Result<Server> {
        let url = &self.0;
        let host = url.host_str().context("it has no host")?.to_owned();
        let parameters = match roots {
            Some(roots) => roots.trusted_by(&host)?,
            None => TlsParameters::new(host.clone())?,
        };
        // A password is sent only over TLS, and with roots the server must prove its identity. Otherwise TLS is
        // used if the server supports it.
        let has_login = !url.username().is_empty() || url.password().is_some();
        let mode = url.query_pairs().find(|(name, _)| name == "tls");
        let (tls, port) = match (url.scheme(), mode.as_ref().map(|(_, mode)| &**mode)) {
            ("smtps", _) => (Tls::Wrapper(parameters), SUBMISSIONS_PORT),
            (_, None) if has_login || roots.is_some() => {
                (Tls::Required(parameters), SUBMISSION_PORT)
            }
            (_, Some("required")) => (Tls::Required(parameters), SUBMISSION_PORT),
            (_, None | Some("opportunistic")) => (Tls::Opportunistic(parameters), SUBMISSION_PORT),
            (_, Some(_)) => bail!("tls=required or tls=opportunistic is accepted"),
        };
        // The path may name this host. A relay may refuse the library's default, an address.
        let hello = match url.path().trim_matches('/') {
            "" => dockerflow::hostname(),
            name => name.to_owned(),
        };
        let decoded =
            |text| Ok::<_, anyhow::Error>(percent_decode_str(text).decode_utf8()?.into_owned());
        let credentials = match url.password() {
            Some(password) => Some(Credentials::new(
                decoded(url.username())?,
                decoded(password)?,
            )),
            None => None,
        };
        Ok(Server {
            host,
            port: url.port().unwrap_or(port),
            hello: ClientId::Domain(hello),
            tls,
            credentials,
        })
    }
}

/// A mail server, and how to speak with it.
#[derive(Clone)]
pub(crate) struct Server {
    host: String,
    port: u16,
    hello: ClientId,
    tls: Tls,
    credentials: Option<Credentials>,
}

impl Server {
    /// Sends mail over connections that it keeps. It needs a runtime.
    pub(crate) fn transport(&self) -> AsyncSmtpTransport<Tokio1Executor> {
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&self.host)
            .port(self.port)
            .hello_name(self.hello.clone())
            .tls(self.tls.clone());
        if let Some(credentials) = &self.credentials {
            transport = transport.credentials(credentials.clone());
        }
        transport.build()
    }

    /// Whether the server takes mail from this sender, as far as it says so before it knows the recipient.
    pub(crate) async fn takes_mail_from(&self, sender: &Address) -> Result<(), smtp::Error> {
        let wrapper = match &self.tls {
            Tls::Wrapper(parameters) => Some(parameters.clone()),
            _ => None,
        };
        let place = (self.host.as_str(), self.port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(place, None, &self.hello, wrapper, None).await?;
        match &self.tls {
            Tls::Required(parameters) => {
                connection.starttls(parameters.clone(), &self.hello).await?;
            }
            Tls::Opportunistic(parameters) if connection.can_starttls() => {
                connection.starttls(parameters.clone(), &self.hello).await?;
            }
            _ => {}
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        let taken = connection
            .command(Mail::new(Some(sender.clone()), Vec::new()))
            .await;
        connection.abort().await;
        taken.map(drop)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Server(…)")
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
