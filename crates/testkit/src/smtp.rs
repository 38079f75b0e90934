//! A mail server for tests: SMTP (RFC 5321) on a free port, without a login. It keeps the mails
//! that it takes, and can misbehave as real servers do.

mod mail;
mod session;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    thread,
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
    sync::watch,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

pub use mail::Mail;

use crate::tls::Certificate;

/// How long [`SmtpServer::wait_for`] waits.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running mail server. When it is dropped, it ends with all its connections.
///
/// It runs in a separate thread, so that it answers even if the test blocks, and in real time, even
/// if the test changes its clock.
#[derive(Debug)]
pub struct SmtpServer {
    address: SocketAddr,
    scheme: &'static str,
    state: Arc<watch::Sender<State>>,
    runtime: Option<Runtime>,
}

/// What arrived, and what shall go wrong.
#[derive(Debug, Default)]
struct State {
    mails: Vec<Mail>,
    connections: usize,
    hello: Option<String>,
    refused: Option<(String, u16)>,
    recipient_reply: Option<RecipientReply>,
    drops_after_data: usize,
    hangs: bool,
    slowness: Duration,
}

#[derive(Debug)]
struct RecipientReply {
    times: usize,
    code: u16,
    text: String,
}

impl SmtpServer {
    /// Starts one on a free port of 127.0.0.1, without TLS.
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// Starts one that speaks TLS from the beginning.
    pub fn start_tls(certificate: &Certificate) -> Self {
        Self::start_with(Some(certificate.acceptor()))
    }

    fn start_with(tls: Option<TlsAcceptor>) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        let runtime = runtime.expect("a runtime");
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        listener
            .set_nonblocking(true)
            .expect("a listener can be made non-blocking");
        let state = Arc::new(watch::Sender::new(State::default()));
        let scheme = if tls.is_some() { "smtps" } else { "smtp" };
        runtime.spawn(serve(listener, tls, Arc::clone(&state)));
        Self {
            address,
            scheme,
            state,
            runtime: Some(runtime),
        }
    }

    /// `smtp://127.0.0.1:PORT`, or `smtps://…`
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// The mails so far, oldest first.
    pub fn mails(&self) -> Vec<Mail> {
        self.state.borrow().mails.clone()
    }

    /// Waits for at least this many mails and returns all.
    ///
    /// # Panics
    /// If there are fewer after 20 s.
    pub async fn wait_for(&self, mails: usize) -> Vec<Mail> {
        let mut changes = self.state.subscribe();
        let runtime = self.runtime.as_ref().expect("there until it is dropped");
        let waiting = runtime.spawn(async move {
            let came = changes.wait_for(|state| state.mails.len() >= mails);
            timeout(PATIENCE, came).await.is_ok_and(|came| came.is_ok())
        });
        let have_come = waiting.await.expect("waiting does not panic");
        assert!(
            have_come,
            "expected {mails} mails, but got {:#?}",
            self.mails()
        );
        self.mails()
    }

    /// The mails so far, and removes them from the server.
    pub fn take_mails(&self) -> Vec<Mail> {
        let mut mails = Vec::new();
        self.state
            .send_modify(|state| std::mem::swap(&mut mails, &mut state.mails));
        mails
    }

    /// How many connections it has accepted.
    pub fn connections(&self) -> usize {
        self.state.borrow().connections
    }

    /// The name with which the last client greeted it.
    pub fn hello(&self) -> Option<String> {
        self.state.borrow().hello.clone()
    }

    /// Answers the next `times` recipients with this code, such as 451 or 550; `usize::MAX` means
    /// all. `{address}` in the text is replaced by the recipient's address, which real servers like
    /// to repeat.
    pub fn reply_to_rcpt(&self, times: usize, code: u16, text: &str) {
        let reply = RecipientReply {
            times,
            code,
            text: text.to_owned(),
        };
        self.state
            .send_modify(|state| state.recipient_reply = Some(reply));
    }

    /// Answers a command, such as `MAIL`, with this code and ends the session; `CONNECT` is the greeting.
    pub fn refuse(&self, command: &str, code: u16) {
        let refused = Some((command.to_owned(), code));
        self.state.send_modify(|state| state.refused = refused);
    }

    /// Takes the next `times` mails and closes the connection without an answer, so that the sender
    /// cannot know whether they were taken; `usize::MAX` means all.
    pub fn drop_after_data(&self, times: usize) {
        self.state
            .send_modify(|state| state.drops_after_data = times);
    }

    /// Accepts connections and answers nothing, not even a greeting.
    pub fn hang(&self) {
        self.state.send_modify(|state| state.hangs = true);
    }

    /// Delays every mail by this time: one half before it takes the mail, and the other before it
    /// confirms it.
    pub fn slow_down(&self, by: Duration) {
        self.state.send_modify(|state| state.slowness = by);
    }

    /// Behaves normally again, also on connections that it left hanging.
    pub fn behave(&self) {
        self.state.send_modify(|state| {
            state.refused = None;
            state.recipient_reply = None;
            state.drops_after_data = 0;
            state.hangs = false;
            state.slowness = Duration::ZERO;
        });
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // On another thread, because a runtime must not be dropped inside another one, such as
            // the test's. It waits, so that no connection is possible afterwards.
            let _ = thread::spawn(|| drop(runtime)).join();
        }
    }
}

async fn serve(
    listener: std::net::TcpListener,
    tls: Option<TlsAcceptor>,
    state: Arc<watch::Sender<State>>,
) {
    let listener = TcpListener::from_std(listener).expect("a non-blocking listener");
    while let Ok((connection, _)) = listener.accept().await {
        state.send_modify(|state| state.connections += 1);
        // The client notices errors of a connection.
        tokio::spawn(converse(connection, tls.clone(), Arc::clone(&state)));
    }
}

async fn converse(
    connection: TcpStream,
    tls: Option<TlsAcceptor>,
    state: Arc<watch::Sender<State>>,
) -> io::Result<()> {
    match tls {
        Some(tls) => session::run(tls.accept(connection).await?, state).await,
        None => session::run(connection, state).await,
    }
}
