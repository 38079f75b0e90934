//! A mail server for tests: SMTP (RFC 5321) on a port of its own, without a login. It keeps
//! what it takes, and can misbehave as real servers do.

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

/// A running mail server. It ends when it is dropped, and every connection with it.
///
/// It has a thread of its own, so that it answers a test that blocks, and its waits are in real
/// time, whatever the test does to its clock.
#[derive(Debug)]
pub struct SmtpServer {
    address: SocketAddr,
    scheme: &'static str,
    state: Arc<watch::Sender<State>>,
    runtime: Option<Runtime>,
}

/// What came, and what is to go wrong.
#[derive(Debug, Default)]
struct State {
    mails: Vec<Mail>,
    connections: usize,
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

    /// Starts one with which a client speaks TLS from the beginning.
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

    /// The mails that it has taken, oldest first.
    pub fn mails(&self) -> Vec<Mail> {
        self.state.borrow().mails.clone()
    }

    /// Awaits at least this many mails and gives all that have come.
    ///
    /// # Panics
    /// Where they have not come within 20 s.
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
            "{mails} mails were awaited, and there came {:#?}",
            self.mails()
        );
        self.mails()
    }

    /// The same, and forgets them.
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

    /// Answers the next so many recipients with this code, such as 451 or 550; `usize::MAX` is from
    /// now on. `{address}` in the text becomes the recipient's address, which real servers like to
    /// repeat.
    pub fn reply_to_rcpt(&self, times: usize, code: u16, text: &str) {
        let reply = RecipientReply {
            times,
            code,
            text: text.to_owned(),
        };
        self.state
            .send_modify(|state| state.recipient_reply = Some(reply));
    }

    /// Takes the next so many mails and closes the connection instead of saying so, after which the
    /// sender cannot know; `usize::MAX` is from now on.
    pub fn drop_after_data(&self, times: usize) {
        self.state
            .send_modify(|state| state.drops_after_data = times);
    }

    /// Accepts connections and answers nothing more, not even with a greeting.
    pub fn hang(&self) {
        self.state.send_modify(|state| state.hangs = true);
    }

    /// Thinks for so long about every mail: for one half before it lets it come, and for the other
    /// before it says that it has it.
    pub fn slow_down(&self, by: Duration) {
        self.state.send_modify(|state| state.slowness = by);
    }

    /// Answers as it should again, those included that it left hanging.
    pub fn behave(&self) {
        self.state.send_modify(|state| {
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
            // On another thread, because a runtime must not wait inside another one, such as the
            // test's; and waited for, so that nobody can connect any more.
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
        // What goes wrong with a connection is the client's to notice.
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
