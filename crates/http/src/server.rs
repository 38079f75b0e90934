//! Accepts a limited number of connections, serves them, and shuts down gracefully.
//!
//! When all are taken, a new connection replaces the one that was idle for longest. If all are
//! busy, it goes to a small reserve: one request is read, and answered if it is for Dockerflow's
//! endpoints, otherwise refused.
//!
//! It uses hyper directly. poem's server limits neither the time of a header nor the number of
//! connections, and its shutdown waits for clients that never finish. HTTP/1.1 only: that is what
//! proxies speak to the servers behind them.

mod activity;
mod group;
mod pressure;
mod stream;

use std::{convert::Infallible, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::{
    Endpoint as _,
    endpoint::BoxEndpoint,
    http::{Version, header, uri::Scheme},
    web::{LocalAddr, RemoteAddr},
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use self::{
    activity::TrackedBody,
    group::{Group, Handle},
    pressure::Pressure,
    stream::TimedStream,
};
use crate::{
    Limits,
    middleware::{BeyondCapacity, WrongHost},
};

pub(crate) use pressure::CONNECTIONS_OVER_LIMIT;

/// The maximum size of a request's line and headers in bytes. Larger ones are answered with 431.
const HEADER_SIZE: usize = 64 * 1024;

/// How long a connection without a request may stay at the shutdown: its client has just connected, and is
/// about to send one.
const FIRST_REQUEST: Duration = Duration::from_millis(800);

/// Without a pause, a process without free file descriptors would retry in a busy loop.
const PAUSE_AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(200);

type App = Arc<BoxEndpoint<'static, poem::Response>>;

/// Serves `endpoint` until `shutdown`, and then gives requests in flight `grace` to finish.
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
    let spawn = |group: &mut Group, stream, remote, limits, is_served| {
        let handle = Handle::new(&closing);
        let connection = Connection {
            app: app.clone(),
            local,
            remote,
            limits,
            closing: closing.clone(),
            handle: handle.clone(),
            is_served,
        };
        group.spawn(handle, connection.serve(stream));
    };
    let mut served = Group::default();
    let mut reserve = Group::default();
    let mut pressure = Pressure::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let has_room = served.open() < limits.connections + limits.reserve
            && (served.staying() < limits.connections || reserve.open() < limits.reserve);
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            () = served.ended() => {}
            () = reserve.ended() => {}
            (stream, remote) = accept(&listener), if has_room => {
                let is_full = served.staying() >= limits.connections;
                let is_served = !is_full || served.dismiss_longest_idle(limits.yield_time);
                match (is_full, is_served) {
                    (false, _) => {}
                    (true, true) => pressure.replaced(),
                    (true, false) => pressure.refused(),
                }
                let (group, limits) = if is_served {
                    (&mut served, limits)
                } else {
                    // Keep room for the next one.
                    if reserve.open() + 1 >= limits.reserve {
                        reserve.dismiss_longest_idle(Duration::ZERO);
                    }
                    (&mut reserve, limits.of_reserve())
                };
                spawn(group, stream, remote, limits, is_served);
            }
        }
    }

    closing.cancel();
    // The system would reset the connections that wait in the backlog. They are the last ones.
    let listener = listener.into_std()?;
    while served.staying() < limits.connections {
        let (stream, remote) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            Err(_) => break,
        };
        stream.set_nonblocking(true)?;
        let stream = TcpStream::from_std(stream)?;
        spawn(&mut served, stream, remote, limits, true);
    }
    drop(listener);
    let open = |served: &Group, reserve: &Group| served.open() + reserve.open();
    tracing::info!(connections = open(&served, &reserve), "shutting down");
    let ended = async { tokio::join!(served.all_ended(), reserve.all_ended()) };
    if timeout(grace, ended).await.is_err() {
        tracing::warn!(
            connections = open(&served, &reserve),
            "grace period expired: connections are cut off"
        );
        tokio::join!(served.cut_off(), reserve.cut_off());
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
    handle: Handle,
    /// Whether it is not in the reserve.
    is_served: bool,
}

impl Connection {
    async fn serve(self, stream: TcpStream) {
        // Do not delay an answer until the previous one is acknowledged. Best effort.
        let _ = stream.set_nodelay(true);
        let activity = &self.handle.activity;
        let stream = TimedStream::new(stream, activity.clone(), self.limits);
        let service = service_fn(|request| self.answer(request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // hyper's limit starts when the connection becomes idle. The stream's limit is
            // stricter.
            .header_read_timeout(self.limits.keep_alive)
            .keep_alive(self.is_served && !self.closing.is_cancelled())
            .max_buf_size(HEADER_SIZE)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);

        // An error is the client's fault: it went away, sent no HTTP, or was too slow.
        tokio::select! {
            // First, so that a request that has already arrived counts as in flight.
            biased;
            _ = &mut connection => return,
            () = self.handle.leave.cancelled() => {}
        }
        if self.closing.is_cancelled() && !activity.has_begun() {
            tokio::select! {
                biased;
                _ = &mut connection => return,
                () = sleep(FIRST_REQUEST) => {}
            }
        }
        // At the shutdown, wait for unsent answers. Otherwise the client has not read them in time.
        let has_answers = if self.closing.is_cancelled() {
            activity.has_begun()
        } else {
            activity.is_busy()
        };
        if has_answers {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }

    fn answer(
        &self,
        mut request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<TrackedBody>, Infallible>> + use<> {
        if !self.is_served {
            request.extensions_mut().insert(BeyondCapacity);
        }
        let hosts = request.headers().get_all(header::HOST).iter().count();
        if hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11) {
            request.extensions_mut().insert(WrongHost);
        }
        let in_flight = self.handle.activity.begin();
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
