//! A service on its port.

use std::{io, net::SocketAddr, time::Duration};

use anyhow::Context as _;
use dockerflow::{ProcessSettings, log};
use poem::{Endpoint, Response};
use tokio::net::{TcpListener, TcpSocket};

use crate::{Limits, Settings, middleware, server};

/// How many connections may wait to be accepted. The kernel may allow fewer (`net.core.somaxconn`).
const BACKLOG: u32 = 1024;

/// A port that is taken, and how a service is served on it.
#[derive(Debug)]
pub struct App {
    listener: TcpListener,
    address: SocketAddr,
    log: log::Settings,
    grace: Duration,
    limits: Limits,
}

impl App {
    /// Takes the port. From then on clients may connect, and wait for an answer until
    /// [`run_until`](Self::run_until).
    ///
    /// # Errors
    /// Says which address is taken.
    #[expect(
        clippy::unused_async,
        reason = "listening needs a runtime, and an async function has one"
    )]
    pub async fn bind(settings: &Settings, process: &ProcessSettings) -> anyhow::Result<Self> {
        let address = SocketAddr::new(settings.host, settings.port);
        let listener = listen(address)
            .with_context(|| format!("cannot listen on {address} (HOST and PORT)"))?;
        Ok(Self {
            address: listener
                .local_addr()
                .context("the address of the listener")?,
            listener,
            log: process.log.clone(),
            grace: process.grace(),
            limits: Limits::default(),
        })
    }

    /// The same with other limits than the default ones.
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves `service` until `shutdown`. From then on no connection is accepted; requests in flight are finished, for
    /// `SHUTDOWN_GRACE_SECONDS` at the most.
    ///
    /// # Errors
    /// Only before the first connection.
    pub async fn run_until(
        self,
        service: impl Endpoint<Output = Response> + 'static,
        shutdown: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let endpoint = middleware::around(service, self.limits, &self.log);
        tracing::info!(address = %self.address, "listening");
        server::serve(self.listener, endpoint, self.limits, shutdown, self.grace).await
    }
}

/// As [`TcpListener::bind`], whose backlog is 128: with more clients at once, some would have to try again, which the
/// kernel does after a second.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // A restart should not have to wait for the connections of the process before to be forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
