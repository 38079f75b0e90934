//! The whole service: bound to its port, connected to its database, ready to run.

use std::{io, net::SocketAddr, time::Duration};

use anyhow::Context as _;
use sea_orm::DatabaseConnection;
use tokio::net::{TcpListener, TcpSocket};

use crate::{Limits, Settings, router, server};

/// How many connections may wait to be accepted. The kernel may allow fewer (`net.core.somaxconn`).
const BACKLOG: u32 = 1024;

/// The web service.
#[derive(Debug)]
pub struct App {
    listener: TcpListener,
    address: SocketAddr,
    db: DatabaseConnection,
    settings: Settings,
    limits: Limits,
}

impl App {
    /// Takes the port, and then waits for the database (see [`db::connect`]).
    ///
    /// # Errors
    /// Says which address is taken, or what is wrong with the database.
    pub async fn build(settings: &Settings) -> anyhow::Result<Self> {
        // Before the database, for which it may have to wait: a taken port should be known at once.
        let listener = bind(settings)?;
        let patience = Limits::default().request_time;
        let db = db::connect_impatiently(&settings.database, "web", patience).await?;
        Self::new(settings, listener, db)
    }

    /// As [`build`](Self::build), with a database to which there is a connection already.
    ///
    /// # Errors
    /// Says which address is taken.
    #[expect(
        clippy::unused_async,
        reason = "listening needs a runtime, and an async function has one"
    )]
    pub async fn with_database(
        settings: &Settings,
        db: DatabaseConnection,
    ) -> anyhow::Result<Self> {
        Self::new(settings, bind(settings)?, db)
    }

    fn new(
        settings: &Settings,
        listener: TcpListener,
        db: DatabaseConnection,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            address: listener
                .local_addr()
                .context("the address of the listener")?,
            listener,
            db,
            settings: settings.clone(),
            limits: Limits::default(),
        })
    }

    /// The same service with other limits than the default ones.
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown`. From then on no connection is accepted; requests in flight are finished, for
    /// `SHUTDOWN_GRACE_SECONDS` at the most.
    ///
    /// # Errors
    /// Only before the first connection.
    pub async fn run_until(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let endpoint = router::build(&self.db, &self.settings, self.limits);
        tracing::info!(address = %self.address, "listening");
        let grace = Duration::from_secs(self.settings.shutdown_grace_seconds);
        server::serve(self.listener, endpoint, self.limits, shutdown, grace).await
    }
}

fn bind(settings: &Settings) -> anyhow::Result<TcpListener> {
    let address = SocketAddr::new(settings.host, settings.port);
    listen(address).with_context(|| format!("cannot listen on {address} (HOST and PORT)"))
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
