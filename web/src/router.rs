//! The views of the service, its title, and the checks of `/__heartbeat__`.

use std::sync::Arc;

use dockerflow::checks::Checks;
use poem::{Endpoint, EndpointExt as _, Response};
use sea_orm::DatabaseConnection;

use crate::{Settings, job_metadata::job_metadata, views};

/// The service as one endpoint.
pub(crate) fn service(
    db: &DatabaseConnection,
    settings: &Settings,
) -> impl Endpoint<Output = Response> + use<> {
    let version = crate::version();
    let release: Arc<str> = version.version.as_str().into();
    bare_http::service(
        db::SERVICE,
        views::all(db),
        version,
        checks(db),
        &settings.http,
    )
    .around(move |endpoint, request| job_metadata(release.clone(), endpoint, request))
}

fn checks(db: &DatabaseConnection) -> Checks {
    let db = db.clone();
    migration::SCHEMA.checks(&db).register("queues", move || {
        let db = db.clone();
        async move { bare_queue::checks::queues(&db).await }
    })
}
