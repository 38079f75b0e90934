#![doc = include_str!("../README.md")]

mod server;

use std::{
    error::Error as _,
    fmt, io,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use conf::Conf;
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
    transport::smtp,
};
use thiserror::Error;
use tokio::time::timeout;
use uuid::Uuid;

use server::Server;
pub use server::{RootCertificates, SmtpUrl};

/// How long it may take to hand over a mail. The library limits only the connection.
const PATIENCE: Duration = Duration::from_mins(1);

const SILENT: &str = "the mail server did not answer in time";

/// The settings for mail.
#[derive(Conf, Clone, Debug)]
pub struct Settings {
    /// The mail server: `smtp://user:password@host:port` (STARTTLS) or `smtps://…`; unset: mail
    /// goes to `MAIL_DIR`
    #[conf(env, secret)]
    pub smtp_url: Option<SmtpUrl>,

    /// Additional root certificates, for a mail server without a public certificate: the path of a PEM
    /// file, or its content
    #[conf(env)]
    pub smtp_root_cert: Option<RootCertificates>,

    /// The sender of all mail. Without a name, it has that of the service
    #[conf(env, default_value = "noreply@localhost", value_parser = mailbox)]
    pub mail_from: Mailbox,

    /// The folder to write mail to, as `.eml` files, if `SMTP_URL` is unset
    #[conf(env, default_value = "data/mail")]
    pub mail_dir: PathBuf,
}

fn mailbox(text: &str) -> Result<Mailbox, &'static str> {
    let mailbox: Mailbox = text
        .parse()
        .map_err(|_| "`Name <name@example.com>` is accepted")?;
    if mailbox.email.to_string().is_ascii() {
        Ok(mailbox)
    } else {
        Err("an address of ASCII characters is accepted: write the domain as `xn--…`")
    }
}

/// Why a mail was not sent.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum MailError {
    /// It is invalid. Trying again does not help.
    #[error("the mail cannot be written: {0}")]
    Unsendable(&'static str),
    /// The server refused this mail permanently (a 5xx reply), and would take others.
    #[error("the mail server refused the mail ({0})")]
    Refused(String),
    /// It can be sent later: a 4xx reply, no answer, no disk space, or a server that refuses all mail.
    #[error("the mail could not be sent now: {0}")]
    Later(String),
}

/// A mail to one person.
#[derive(Debug)]
pub struct Mail<'a> {
    /// The recipient's address.
    pub to: &'a str,
    /// The subject.
    pub subject: &'a str,
    /// The text.
    pub body: String,
}

/// Sends mail.
#[derive(Clone, Debug)]
pub struct Mailer {
    from: Mailbox,
    transport: Transport,
    patience: Duration,
}

#[derive(Clone)]
enum Transport {
    Smtp(Server, AsyncSmtpTransport<Tokio1Executor>),
    Folder(PathBuf),
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Smtp(server, _) => server.fmt(f),
            Self::Folder(folder) => f.debug_tuple("Folder").field(folder).finish(),
        }
    }
}

impl Mailer {
    /// A mailer from the settings. It does not connect yet. A sender without a name gets that of the
    /// service.
    pub fn build(settings: &Settings, service: &str) -> anyhow::Result<Self> {
        let transport = match &settings.smtp_url {
            Some(url) => {
                let server = url.server(settings.smtp_root_cert.as_ref());
                let server = server.context("SMTP_URL cannot be used")?;
                let transport = server.transport();
                Transport::Smtp(server, transport)
            }
            None => Transport::Folder(settings.mail_dir.clone()),
        };
        let mut from = settings.mail_from.clone();
        from.name.get_or_insert_with(|| service.to_owned());
        Ok(Self {
            from,
            transport,
            patience: PATIENCE,
        })
    }

    /// The same mailer with this time limit for each mail.
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Sends the mail of a job. Its `Message-ID` derives from the job's id, so that a mail server can recognize
    /// the mail of a second attempt. In a folder, the second mail replaces the first.
    pub async fn send(&self, job: Uuid, mail: Mail<'_>) -> Result<(), MailError> {
        let message = self.message(job, mail)?;
        match &self.transport {
            Transport::Smtp(server, transport) => {
                match timeout(self.patience, transport.send(message)).await {
                    Ok(Ok(_)) => Ok(()),
                    Ok(Err(error)) if error.is_permanent() => Err(self.judge(server, &error).await),
                    Ok(Err(error)) => Err(scrubbed(&error)),
                    Err(_) => Err(MailError::Later(SILENT.to_owned())),
                }
            }
            Transport::Folder(folder) => write(folder, job, &message.formatted())
                .await
                .map_err(|error| MailError::Later(error.kind().to_string())),
        }
    }

    /// Whether a 5xx reply is final. It is if the server takes mail from this sender at all: the library does
    /// not say to which command it replied.
    async fn judge(&self, server: &Server, refusal: &smtp::Error) -> MailError {
        let code = refusal.status().map(|code| code.to_string());
        let code = code.unwrap_or_default();
        // A missing login (RFC 4954, section 6) is the operator's fault, not the mail's.
        let is_login = ["530", "534", "535", "538"].contains(&code.as_str());
        let takes_others = timeout(self.patience, server.takes_mail_from(&self.from.email));
        if !is_login && matches!(takes_others.await, Ok(Ok(()))) {
            return MailError::Refused(code);
        }
        MailError::Later(format!("the mail server answers {code} to all mail"))
    }

    fn message(&self, job: Uuid, mail: Mail<'_>) -> Result<Message, MailError> {
        let to: Mailbox = mail
            .to
            .parse()
            .map_err(|_| MailError::Unsendable("it has no valid e-mail address"))?;
        Message::builder()
            .message_id(Some(format!("<{job}@{}>", self.from.email.domain())))
            .from(self.from.clone())
            .to(to)
            .subject(mail.subject)
            .header(ContentType::TEXT_PLAIN)
            .body(mail.body)
            .map_err(|_| MailError::Unsendable("a part is missing or not allowed"))
    }
}

/// Writes a file that is complete as soon as it exists.
async fn write(folder: &Path, job: Uuid, content: &[u8]) -> std::io::Result<()> {
    tokio::fs::create_dir_all(folder).await?;
    let draft = folder.join(format!(".{job}.draft"));
    let written = async {
        tokio::fs::write(&draft, content).await?;
        tokio::fs::rename(&draft, folder.join(format!("{job}.eml"))).await
    };
    let result = written.await;
    if result.is_err() {
        // Best effort: what prevented the write may prevent this too.
        drop(tokio::fs::remove_file(&draft).await);
    }
    result
}

/// Whether the server's certificate was refused. The library calls that a connection error.
fn is_certificate(error: &smtp::Error) -> bool {
    std::iter::successors(error.source(), |error| (*error).source())
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::InvalidData)
}

/// The error without the server's text.
fn scrubbed(error: &smtp::Error) -> MailError {
    if let Some(code) = error.status() {
        return MailError::Later(format!("the mail server answered {code}"));
    }
    let reason = if error.is_timeout() {
        SILENT
    } else if error.is_tls() || is_certificate(error) {
        "no TLS with the mail server"
    } else {
        "the mail server cannot be reached, or broke off"
    };
    MailError::Later(reason.to_owned())
}
