//! Binds the port and serves on it.

use std::{io, net::SocketAddr, time::Duration};

use anyhow::Context as _;
use dockerflow::{ProcessSettings, log};
use poem::{Endpoint, Response};
use tokio::net::{TcpListener, TcpSocket};

use crate::{Limits, Settings, middleware, server};

/// How many connections may wait to be accepted. The kernel may allow fewer (`net.core.somaxconn`).
const BACKLOG: u32 = 1024;

/// A bound port, and how to serve on it.
#[derive(Debug)]
pub struct App {
    listener: TcpListener,
    address: SocketAddr,
    log: log::Settings,
    grace: Duration,
    limits: Limits,
}

impl App {
    /// Binds the port. From then on clients can connect, but are answered only by
    /// [`run_until`](Self::run_until).
    ///
    /// # Errors
    /// The error names the address.
    #[expect(
        clippy::unused_async,
        reason = "listening needs a runtime, and an async function has one"
    )]
    pub async fn bind(settings: &Settings, process: &ProcessSettings) -> anyhow::Result<Self> {
        let address = SocketAddr::new(process.host, settings.port);
        let listener = listen(address)
            .with_context(|| format!("cannot listen on {address} (HOST and PORT)"))?;
        Ok(Self {
            address: listener
                .local_addr()
                .context("cannot read the address of the listener")?,
            listener,
            log: process.log.clone(),
            grace: process.grace(),
            limits: Limits::default(),
        })
    }

    /// Replaces the default limits.
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves `service` until `shutdown`. Then it accepts no more connections, and requests in
    /// flight have `SHUTDOWN_GRACE_SECONDS` to finish.
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

/// As [`TcpListener::bind`], whose backlog is only 128: with more clients at once, some would have
/// to retry, which the kernel does after a second.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // A restart must not wait until the kernel forgets the connections of the previous process.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
