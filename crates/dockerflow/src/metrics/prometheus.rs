//! Prometheus: a page with the current values, on a separate port.

use std::net::IpAddr;

use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use poem::endpoint::{make, make_sync};
use poem::{Endpoint as _, IntoResponse as _, Response, Route, get, http::StatusCode};

use super::{Error, Kind, Metric, REPORT, sample};
use crate::poem::{HEARTBEAT, OperatorsPort};

/// The content type of the text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) async fn listen(host: IpAddr, port: u16) -> Result<OperatorsPort, Error> {
    let port = OperatorsPort::bind(host, port).await;
    let port = port.map_err(|(address, reason)| Error::Port { address, reason })?;
    tracing::info!(address = %port.address, "serving metrics to Prometheus");
    Ok(port)
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

/// Serves `/metrics`, and the report of the health checks with its details, for as long as the
/// process lives.
///
/// The exporter's own listener would answer every path.
pub(super) async fn serve(port: OperatorsPort, handle: PrometheusHandle) {
    let page = make_sync(move |_| {
        sample();
        Response::builder().content_type(TEXT).body(handle.render())
    });
    let report = make(|request| async move {
        match REPORT.get() {
            Some(report) => report.get_response(request).await,
            None => StatusCode::NOT_FOUND.into_response(),
        }
    });
    let routes = Route::new().at("/metrics", get(page));
    port.serve(routes.at(HEARTBEAT, get(report))).await;
}
