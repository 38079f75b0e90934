//! Mail is sent, or the error says why not.

use std::{fs, path::Path, time::Duration};

use bare_mail::{Mail, MailError, Mailer, RootCertificates, Settings, SmtpUrl};
use bare_testkit::{settings, smtp::SmtpServer, tls::Certificate};
use rstest::rstest;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::timeout,
};
use uuid::Uuid;

const SERVICE: &str = "My Service";

const ADA: &str = "ada@example.net";

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

fn mailer(variables: &[(&str, &str)]) -> Mailer {
    Mailer::build(&settings("test", variables), SERVICE).unwrap()
}

fn mail(to: &str) -> Mail<'_> {
    Mail {
        to,
        subject: "Welcome",
        body: "Hello,\n\nand welcome.\n".to_owned(),
    }
}

fn files(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.collect()
}

#[tokio::test]
async fn without_a_server_a_mail_is_a_file_and_a_second_attempt_replaces_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("made/on/the/way");
    let mailer = mailer(&[("MAIL_DIR", folder.to_str().unwrap())]);
    let job = Uuid::now_v7();
    for _ in 0..2 {
        mailer.send(job, mail(ADA)).await.unwrap();
    }
    let name = format!("{job}.eml");
    assert_eq!(files(&folder), [name.as_str()]);
    let text = fs::read_to_string(folder.join(name)).unwrap();
    assert!(text.contains(&format!("\r\nTo: {ADA}\r\n")), "{text}");
    assert!(
        text.contains(&format!("Message-ID: <{job}@localhost>")),
        "{text}"
    );

    mailer.send(Uuid::now_v7(), mail(ADA)).await.unwrap();
    assert_eq!(files(&folder).len(), 2);
}

#[tokio::test]
async fn a_mail_is_retried_if_the_folder_cannot_be_created() {
    let mailer = mailer(&[("MAIL_DIR", "/dev/null/mail")]);
    let error = mailer.send(Uuid::now_v7(), mail(ADA)).await.unwrap_err();
    assert!(matches!(error, MailError::Later(_)), "{error}");
}

#[rstest]
#[case::the_host_by_default("", &dockerflow::hostname())]
#[case::as_the_url_says("/mail.example.com", "mail.example.com")]
#[tokio::test]
async fn the_server_is_greeted_with_a_name(#[case] path: &str, #[case] name: &str) {
    let server = SmtpServer::start();
    let mailer = mailer(&[("SMTP_URL", &format!("{}{path}", server.url()))]);
    mailer.send(Uuid::now_v7(), mail(ADA)).await.unwrap();
    assert_eq!(server.hello().as_deref(), Some(name));
}

#[test]
fn a_sender_whose_domain_no_mail_server_takes_is_a_wrong_setting() {
    let url = [("MAIL_FROM", "ada@exämple.net")];
    let error = dockerflow::settings::try_load_from::<Settings, _, _, _>(["test"], url);
    assert!(error.unwrap_err().to_string().contains("MAIL_FROM"));
}

#[tokio::test]
async fn a_sender_without_a_name_has_the_name_of_the_service() {
    let server = SmtpServer::start();
    let mailer = mailer(&[("SMTP_URL", &server.url())]);
    mailer.send(Uuid::now_v7(), mail(ADA)).await.unwrap();
    let from = server.wait_for(1).await[0].header("From").unwrap();
    assert!(from.contains(SERVICE), "{from}");
}

#[tokio::test]
async fn the_sender_comes_from_the_settings() {
    let server = SmtpServer::start();
    let from = ("MAIL_FROM", "The Service <service@example.com>");
    let mailer = mailer(&[("SMTP_URL", &server.url()), from]);
    let job = Uuid::now_v7();
    mailer.send(job, mail(ADA)).await.unwrap();
    let mails = server.wait_for(1).await;
    assert_eq!(mails[0].from, "service@example.com");
    let sender = Some("\"The Service\" <service@example.com>");
    assert_eq!(mails[0].header("From").as_deref(), sender);
    assert_eq!(mails[0].to, [ADA]);
    assert_eq!(mails[0].header("Subject").as_deref(), Some("Welcome"));
    let id = format!("<{job}@example.com>");
    assert_eq!(mails[0].header("Message-ID"), Some(id));
}

#[rstest]
#[case::full(452, MailError::Later("the mail server answered 452".to_owned()))]
#[case::nobody(550, MailError::Refused("550".to_owned()))]
#[case::not_logged_in(530, MailError::Later("the mail server answers 530 to all mail".to_owned()))]
#[tokio::test]
async fn a_4xx_is_retried_and_a_5xx_is_not_and_neither_repeats_the_reply(
    #[case] code: u16,
    #[case] expected: MailError,
) {
    let server = SmtpServer::start();
    server.reply_to_rcpt(1, code, "<{address}>: not this one");
    let mailer = mailer(&[("SMTP_URL", &server.url())]);
    let error = mailer.send(Uuid::now_v7(), mail(ADA)).await.unwrap_err();
    assert_eq!(error, expected);
    mailer.send(Uuid::now_v7(), mail(ADA)).await.unwrap();
}

#[rstest]
#[case::greeting("CONNECT", 554)]
#[case::hello("EHLO", 550)]
#[case::sender("MAIL", 550)]
#[case::sender_that_may_not_send("MAIL", 553)]
#[tokio::test]
async fn a_mail_is_retried_if_the_server_refuses_all_mail(
    #[case] command: &str,
    #[case] code: u16,
) {
    let server = SmtpServer::start();
    server.refuse(command, code);
    let mailer = mailer(&[("SMTP_URL", &server.url())]);
    let error = mailer.send(Uuid::now_v7(), mail(ADA)).await.unwrap_err();
    let expected = format!("the mail server answers {code} to all mail");
    assert_eq!(error, MailError::Later(expected));
    server.behave();
    mailer.send(Uuid::now_v7(), mail(ADA)).await.unwrap();
}

#[tokio::test]
async fn a_silent_server_times_out_and_the_mail_is_retried() {
    let server = SmtpServer::start();
    server.hang();
    let mailer = mailer(&[("SMTP_URL", &server.url())]).patience(Duration::from_millis(100));
    let error = timeout(PATIENCE, mailer.send(Uuid::now_v7(), mail(ADA))).await;
    let error = error.unwrap().unwrap_err();
    let silent = "the mail server did not answer in time";
    assert_eq!(error, MailError::Later(silent.to_owned()));
}

#[tokio::test]
async fn a_mail_is_retried_if_the_server_is_unreachable() {
    let url = SmtpServer::start().url();
    let error = mailer(&[("SMTP_URL", &url)])
        .send(Uuid::now_v7(), mail(ADA))
        .await;
    let lost = "the mail server cannot be reached, or broke off";
    assert_eq!(error, Err(MailError::Later(lost.to_owned())));
}

#[tokio::test]
async fn an_invalid_address_is_not_repeated() {
    let mailer = mailer(&[]);
    let error = mailer
        .send(Uuid::now_v7(), mail("s3cret"))
        .await
        .unwrap_err();
    assert!(matches!(error, MailError::Unsendable(_)));
    assert!(!format!("{error} {error:?}").contains("s3cret"));
}

/// A server that accepts a password without TLS. Returns what it hears after its greeting.
async fn what_a_careless_server_hears(listener: TcpListener) -> String {
    let (mut client, _) = listener.accept().await.unwrap();
    client.write_all(b"220 careless\r\n").await.unwrap();
    let _ehlo = client.read(&mut [0; 1024]).await.unwrap();
    let extensions = b"250-careless\r\n250 AUTH PLAIN LOGIN\r\n";
    client.write_all(extensions).await.unwrap();
    let mut heard = [0; 1024];
    let length = client.read(&mut heard).await.unwrap();
    String::from_utf8_lossy(&heard[..length]).into_owned()
}

#[rstest]
#[case("user:hunter2")]
#[case(":hunter2")]
#[tokio::test]
async fn a_password_never_goes_to_a_server_without_tls(#[case] login: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mailer = mailer(&[("SMTP_URL", &format!("smtp://{login}@{address}"))]);
    let heard = tokio::spawn(what_a_careless_server_hears(listener));
    let error = mailer.send(Uuid::now_v7(), mail(ADA)).await.unwrap_err();
    assert!(matches!(error, MailError::Later(_)), "{error}");
    let heard = timeout(PATIENCE, heard).await.unwrap().unwrap();
    assert!(!heard.starts_with("AUTH"), "{heard}");
}

#[rstest]
#[case("nonsense")]
#[case("http://host")]
#[case("smtp://user:hun#ter2@host:x")]
#[case("smtp:")]
#[case("smtp://user:hunter2@host?tls=maybe")]
#[case("smtp://user:25/hunter2@host")]
#[case("smtp://user:25?hunter2@host")]
#[case("smtp://user:25#hunter2@host")]
fn an_invalid_server_url_is_refused_and_the_error_says_what_is_accepted(#[case] url: &str) {
    let error = url.parse::<SmtpUrl>().map(drop).unwrap_err();
    assert!(error.contains("smtp://user:password@host:port"), "{error}");
}

#[tokio::test]
async fn a_server_with_a_certificate_from_a_private_root_gets_the_mail() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("roots.pem");
    let certificate = Certificate::new("127.0.0.1");
    fs::write(&file, &certificate.certificate).unwrap();
    let server = SmtpServer::start_tls(&certificate);
    let url = server.url();
    for roots in [file.to_str().unwrap(), &certificate.certificate] {
        let mailer = mailer(&[("SMTP_URL", &url), ("SMTP_ROOT_CERT", roots)]);
        mailer.send(Uuid::now_v7(), mail(ADA)).await.unwrap();
    }
    assert_eq!(server.mails().len(), 2);
}

#[tokio::test]
async fn a_server_that_cannot_prove_its_identity_gets_no_mail() {
    let right = Certificate::new("127.0.0.1").certificate;
    let server = SmtpServer::start_tls(&Certificate::new("127.0.0.1"));
    let plain = SmtpServer::start();
    for (url, roots) in [
        (server.url(), ""),
        (server.url(), &*right),
        (plain.url(), &right),
    ] {
        let mailer = mailer(&[("SMTP_URL", &url), ("SMTP_ROOT_CERT", roots)]);
        let error = mailer.send(Uuid::now_v7(), mail(ADA)).await.unwrap_err();
        assert!(matches!(error, MailError::Later(_)), "{error}");
        let has_tls = url.starts_with("smtps:");
        assert_eq!(error.to_string().contains("no TLS"), has_tls, "{error}");
    }
    assert!(server.mails().is_empty());
    assert!(plain.mails().is_empty());
}

#[rstest]
#[case("/nowhere/roots.pem")]
#[case("/dev/null")]
#[case("-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n")]
fn invalid_root_certificates_are_refused(#[case] roots: &str) {
    roots.parse::<RootCertificates>().unwrap_err();
}

#[tokio::test]
async fn the_password_is_never_printed() {
    let url = ("SMTP_URL", "smtp://user:hunter2@localhost:25");
    let settings: Settings = settings("test", &[url]);
    let mailer = Mailer::build(&settings, SERVICE).unwrap();
    let printed = format!("{settings:?} {mailer:?} {:?}", settings.smtp_url);
    assert!(!printed.contains("hunter2"), "{printed}");
}
