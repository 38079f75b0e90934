//! The worker's own HTTP endpoints, for whoever watches it: those of Dockerflow.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use anyhow::Context as _;
use dockerflow::{
    checks::Checks,
    poem::{RequestMetrics, RequestSummary, SetRequestId, routes},
};
use poem::{
    EndpointExt as _, Server,
    listener::{Acceptor as _, Listener as _, TcpAcceptor, TcpListener},
};
use sea_orm::DatabaseConnection;
use tokio_util::sync::CancellationToken;

use crate::{Settings, queue::Health};

/// How long a client may stay without asking anything.
const IDLE: Duration = Duration::from_secs(30);

/// How long answers under way may take when the worker ends.
const GRACE: Duration = Duration::from_millis(100);

/// A port that was taken.
pub(crate) struct Endpoints {
    acceptor: TcpAcceptor,
}

impl Endpoints {
    /// Takes `WORKER_PORT`, if it is set.
    pub(crate) async fn bind(settings: &Settings) -> anyhow::Result<Option<Self>> {
        let Some(port) = settings.worker_port else {
            return Ok(None);
        };
        let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
        let acceptor = TcpListener::bind(address).into_acceptor().await;
        let acceptor =
            acceptor.with_context(|| format!("cannot listen on {address} (WORKER_PORT)"))?;
        let endpoints = Self { acceptor };
        if let Some(address) = endpoints.address() {
            tracing::info!(%address, "listening");
        }
        Ok(Some(endpoints))
    }

    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.acceptor
            .local_addr()
            .first()?
            .as_socket_addr()
            .copied()
    }

    /// Serves until `stop`.
    pub(crate) async fn serve(
        self,
        app: impl poem::Endpoint + 'static,
        stop: CancellationToken,
    ) -> io::Result<()> {
        Server::new_with_acceptor(self.acceptor)
            .idle_timeout(IDLE)
            .run_with_graceful_shutdown(app, stop.cancelled_owned(), Some(GRACE))
            .await
    }
}

/// What is served.
pub(crate) fn app(settings: &Settings, checks: Checks) -> impl poem::Endpoint + use<> {
    routes(crate::version(), checks, false)
        .with(RequestMetrics)
        .with(
            RequestSummary::new()
                .querystring(settings.log.querystring)
                .heartbeats(settings.log.heartbeats),
        )
        .with(SetRequestId)
}

/// What the worker's heartbeat says.
pub(crate) fn checks(db: &DatabaseConnection, health: Health) -> Checks {
    let (connected, current) = (db.clone(), db.clone());
    Checks::new()
        .register("database", move || {
            let db = connected.clone();
            async move { db::checks::connected(&db).await }
        })
        .register("migrations", move || {
            let db = current.clone();
            async move { migration::checks::current(&db).await }
        })
        .register("worker", move || {
            let findings = health.findings();
            async move { findings }
        })
}
