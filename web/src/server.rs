//! Connections: accepted up to a number, served, and ended in order.
//!
//! This is hyper without poem's own server in between, which has no limit for the time of a header or for the number
//! of connections, and at shutdown waits for clients that never finish one. HTTP/1.1 only: proxies speak nothing else
//! to what is behind them.

mod activity;
mod stream;

use std::{convert::Infallible, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::{
    Endpoint as _,
    endpoint::BoxEndpoint,
    http::uri::Scheme,
    web::{LocalAddr, RemoteAddr},
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use self::{
    activity::{Activity, TrackedBody},
    stream::TimedStream,
};
use crate::Limits;

/// The request line and the headers of a request together, in bytes. A larger one is answered with 431.
const HEADER_SIZE: usize = 64 * 1024;

/// Without a pause, a process that has no file descriptor left would try again as fast as it can.
const PAUSE_AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(200);

type App = Arc<BoxEndpoint<'static, poem::Response>>;

/// Serves `endpoint` until `shutdown`, and then for `grace` at the most until what is in flight is finished.
pub(crate) async fn serve(
    listener: TcpListener,
    endpoint: BoxEndpoint<'static, poem::Response>,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
    grace: Duration,
) -> io::Result<()> {
    let app = Arc::new(endpoint);
    let local = listener.local_addr()?;
    let closing = CancellationToken::new();
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            // A connection that panicked is in the log already.
            Some(_) = connections.join_next() => {}
            (stream, remote) = accept(&listener), if connections.len() < limits.connections => {
                let connection = Connection { app: app.clone(), local, remote, limits, closing: closing.clone() };
                connections.spawn(connection.serve(stream));
            }
        }
    }

    drop(listener);
    closing.cancel();
    tracing::info!(connections = connections.len(), "shutting down");
    let ended = async { while connections.join_next().await.is_some() {} };
    if timeout(grace, ended).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "the grace is over, connections are cut off"
        );
        connections.shutdown().await;
    }
    Ok(())
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // The client gave up while it waited in the backlog.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept a connection");
                sleep(PAUSE_AFTER_FAILED_ACCEPT).await;
            }
        }
    }
}

struct Connection {
    app: App,
    local: SocketAddr,
    remote: SocketAddr,
    limits: Limits,
    closing: CancellationToken,
}

impl Connection {
    async fn serve(self, stream: TcpStream) {
        // An answer should not wait for the acknowledgement of the one before. Best effort.
        let _ = stream.set_nodelay(true);
        let activity = Arc::new(Activity::default());
        let stream = TimedStream::new(stream, activity.clone(), self.limits);
        let service = service_fn(|request| self.answer(&activity, request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // hyper's limit starts when the connection begins to wait; the stream has the stricter one.
            .header_read_timeout(self.limits.keep_alive)
            .max_buf_size(HEADER_SIZE)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);

        // An error is the client's: it went away, sent no HTTP, or was too slow.
        tokio::select! {
            // First, so that a request that is here already is in flight when the shutdown is seen.
            biased;
            _ = &mut connection => return,
            () = self.closing.cancelled() => {}
        }
        if activity.has_begun() {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }

    fn answer(
        &self,
        activity: &Arc<Activity>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<TrackedBody>, Infallible>> + use<> {
        let in_flight = activity.begin();
        let app = self.app.clone();
        let local = LocalAddr(self.local.into());
        let remote = RemoteAddr(self.remote.into());
        async move {
            let response = app
                .get_response((request, local, remote, Scheme::HTTP).into())
                .await;
            Ok(in_flight.track(response))
        }
    }
}
