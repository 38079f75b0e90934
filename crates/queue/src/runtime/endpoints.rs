//! The worker's HTTP endpoints for operators: those of Dockerflow.

use std::net::IpAddr;

use dockerflow::{
    checks::Checks,
    log,
    poem::{OperatorsPort, RequestMetrics, RequestSummary, SetRequestId, operators_routes},
    version::Version,
};
use poem::EndpointExt as _;

/// Binds `WORKER_PORT`, if it is set.
pub(super) async fn bind(host: IpAddr, port: Option<u16>) -> anyhow::Result<Option<OperatorsPort>> {
    let Some(port) = port else {
        return Ok(None);
    };
    let bound = OperatorsPort::bind(host, port).await;
    let bound = bound.map_err(|(address, error)| {
        anyhow::Error::new(error).context(format!("cannot listen on {address} (WORKER_PORT)"))
    })?;
    tracing::info!(address = %bound.address, "listening");
    Ok(Some(bound))
}

/// The endpoints.
pub(super) fn app(
    version: Version,
    checks: Checks,
    log: &log::Settings,
) -> impl poem::Endpoint + use<> {
    operators_routes(version, checks)
        .with(RequestMetrics)
        .with(RequestSummary::of(log))
        .with(SetRequestId)
}
