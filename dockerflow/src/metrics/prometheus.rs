//! Prometheus: a page with the present values, on a port of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Endpoint as _, Response, Route, endpoint::make_sync, get};
use tokio::net::{TcpListener, TcpStream};

use super::{Error, Kind, Metric, sample};

/// The content type of the text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How long a request may take to arrive.
const HEADER_TIME: Duration = Duration::from_secs(10);

/// Without a pause, a process that has no file descriptor left would try again as fast as it can.
const PAUSE_AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(200);

pub(super) async fn listen(port: u16) -> Result<TcpListener, Error> {
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|reason| Error::Port { address, reason })?;
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, "metrics are shown to Prometheus");
    }
    Ok(listener)
}

pub(super) fn recorder(
    metrics: impl Iterator<Item = &'static Metric>,
) -> Result<PrometheusRecorder, BuildError> {
    let mut builder = PrometheusBuilder::new();
    for metric in metrics {
        if let Kind::Histogram(buckets) = metric.kind {
            let name = Matcher::Full(metric.name.to_owned());
            builder = builder.set_buckets_for_metric(name, buckets)?;
        }
    }
    Ok(builder.build_recorder())
}

/// Serves `/metrics` for as long as the process lives.
///
/// The exporter's own listener would answer every path, and poem's own server has no time limit.
pub(super) async fn serve(listener: TcpListener, handle: PrometheusHandle) {
    let page = make_sync(move |_| {
        sample();
        Response::builder().content_type(TEXT).body(handle.render())
    });
    let routes = Arc::new(Route::new().at("/metrics", get(page)));
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => {
                tokio::spawn(answer(Arc::clone(&routes), stream, remote));
            }
            Err(error) => {
                tracing::warn!(%error, "Prometheus cannot connect");
                tokio::time::sleep(PAUSE_AFTER_FAILED_ACCEPT).await;
            }
        }
    }
}

async fn answer(routes: Arc<Route>, stream: TcpStream, remote: SocketAddr) {
    let Ok(local) = stream.local_addr() else {
        return;
    };
    let service = service_fn(|request| {
        let routes = Arc::clone(&routes);
        let (local, remote) = (LocalAddr(local.into()), RemoteAddr(remote.into()));
        async move {
            let request = (request, local, remote, Scheme::HTTP).into();
            let response = routes.get_response(request).await;
            Ok::<hyper::Response<_>, std::convert::Infallible>(response.into())
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // An error is the client's: it went away, or was too slow.
    let _ = connection.await;
}
