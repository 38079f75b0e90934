//! The mail server, with the client that the worker uses.

use std::time::Duration;

use bare_testkit::smtp::SmtpServer;
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor, transport::smtp::Error,
};
use tokio::{io::AsyncReadExt as _, net::TcpStream, time::timeout};

const BODY: &str = "Hello\n.\n..two dots\nHej då";

/// The client's own timeout covers only the TCP connection: a server that hangs later blocks it.
const CLIENT_PATIENCE: Duration = Duration::from_millis(300);

async fn send(server: &SmtpServer) -> Result<(), Error> {
    let message = Message::builder()
        .from("Service <service@example.com>".parse().unwrap())
        .to("ada@example.net".parse().unwrap())
        .subject("Report")
        .body(BODY.to_owned())
        .unwrap();
    let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(&server.url()).unwrap();
    transport.build().send(message).await.map(drop)
}

#[tokio::test]
async fn a_mail_arrives_as_it_was_sent() {
    let server = SmtpServer::start();
    send(&server).await.unwrap();
    let mails = server.wait_for(1).await;
    assert_eq!(mails[0].from, "service@example.com");
    assert_eq!(mails[0].to, ["ada@example.net"]);
    assert_eq!(mails[0].header("subject").as_deref(), Some("Report"));
    assert!(
        mails[0].body().starts_with("Hello\r\n.\r\n..two dots\r\n"),
        "{:?}",
        mails[0]
    );
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn only_the_next_recipient_is_refused() {
    let server = SmtpServer::start();
    server.reply_to_rcpt(1, 550, "<{address}>: no such user");
    let error = send(&server).await.unwrap_err();
    assert!(error.is_permanent());
    assert!(
        format!("{error:?}").contains("<ada@example.net>: no such user"),
        "{error:?}"
    );
    send(&server).await.unwrap();
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn a_mail_whose_connection_is_dropped_after_its_data_is_kept() {
    let server = SmtpServer::start();
    server.drop_after_data(1);
    send(&server).await.unwrap_err();
    send(&server).await.unwrap();
    assert_eq!(server.wait_for(2).await.len(), 2);
}

#[tokio::test]
async fn a_hanging_server_can_behave_again() {
    let server = SmtpServer::start();
    server.hang();
    assert!(
        tokio::time::timeout(CLIENT_PATIENCE, send(&server))
            .await
            .is_err()
    );
    server.behave();
    send(&server).await.unwrap();
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_dropped_server_is_unreachable() {
    // Another test may reuse a port that became free here, but hardly half of them.
    let servers: Vec<_> = (0..16).map(|_| SmtpServer::start()).collect();
    let addresses: Vec<_> = servers.iter().map(address).collect();
    drop(servers);
    let mut reached = 0;
    for address in &addresses {
        reached += usize::from(TcpStream::connect(address).await.is_ok());
    }
    assert!(reached < addresses.len() / 2);
}

#[tokio::test]
async fn a_connection_ends_with_its_server() {
    let server = SmtpServer::start();
    let mut connection = TcpStream::connect(address(&server)).await.unwrap();
    connection.read_u8().await.unwrap();
    drop(server);
    let (mut rest, deadline) = (Vec::new(), Duration::from_secs(20));
    let ended = timeout(deadline, connection.read_to_end(&mut rest)).await;
    // Cleanly or with an error.
    assert!(ended.is_ok());
}

fn address(server: &SmtpServer) -> String {
    server.url().replace("smtp://", "")
}
