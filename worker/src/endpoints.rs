//! The worker's own HTTP endpoints, for whoever watches it: those of Dockerflow.

use dockerflow::{
    checks::Checks,
    poem::{OperatorsPort, RequestMetrics, RequestSummary, SetRequestId, routes},
};
use poem::EndpointExt as _;
use sea_orm::DatabaseConnection;

use crate::{Settings, queue::Health};

/// Takes `WORKER_PORT`, if it is set.
pub(crate) async fn bind(settings: &Settings) -> anyhow::Result<Option<OperatorsPort>> {
    let Some(port) = settings.worker_port else {
        return Ok(None);
    };
    let bound = OperatorsPort::bind(port).await;
    let bound = bound.map_err(|(address, error)| {
        anyhow::Error::new(error).context(format!("cannot listen on {address} (WORKER_PORT)"))
    })?;
    tracing::info!(address = %bound.address, "listening");
    Ok(Some(bound))
}

/// What is served.
pub(crate) fn app(settings: &Settings, checks: Checks) -> impl poem::Endpoint + use<> {
    routes(crate::version(), checks, false)
        .with(RequestMetrics)
        .with(RequestSummary::of(&settings.log))
        .with(SetRequestId)
}

/// What the worker's heartbeat says.
pub(crate) fn checks(db: &DatabaseConnection, health: Health) -> Checks {
    migration::SCHEMA.checks(db).register("worker", move || {
        let findings = health.findings();
        async move { findings }
    })
}
