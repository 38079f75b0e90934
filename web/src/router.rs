//! Which request goes where, and what it passes on its way.

use std::sync::Arc;

use dockerflow::{
    checks::Checks,
    poem::{NoteRoute, RequestMetrics, RequestSummary, SetRequestId},
};
use poem::{
    EndpointExt as _, Response, endpoint::BoxEndpoint, get, http::StatusCode,
    middleware::CatchPanic,
};
use poem_openapi::OpenApiService;
use sea_orm::DatabaseConnection;

use crate::{
    Limits, Settings, docs, middleware,
    middleware::{Budget, Methods, Routes},
    views,
};

/// The service as one endpoint. It never fails: whatever goes wrong inside is an answer when it gets here.
pub(crate) fn build(
    db: &DatabaseConnection,
    settings: &Settings,
    limits: Limits,
) -> BoxEndpoint<'static, Response> {
    let version = crate::version();
    let release: Arc<str> = version.version.as_str().into();

    let views = views::all(db);
    let routes = Routes::of(&views);
    let methods = Methods::of(views.clone(), &routes);
    let api = OpenApiService::new(routes.noted_by(views), "Bare Necessities", &*release);

    let budget = Budget::new(limits.bodies_size);
    let checks = checks(db);
    checks.watch();
    let mut route = dockerflow::poem::routes(version, checks, settings.error_endpoint.is_on());
    if settings.api_docs.is_on() {
        route = route
            .at(
                docs::PAGE,
                get(docs::page(&api)).with(NoteRoute::new(docs::PAGE)),
            )
            .at(
                docs::DOCUMENT,
                get(docs::document(&api)).with(NoteRoute::new(docs::DOCUMENT)),
            );
    }
    route
        .nest("/", api)
        // From the inside out. Boxed here and there, since a future that holds all the others is copied
        // by each of them (`cargo race get-hello`).
        .around(move |endpoint, request| methods.clone().answer(endpoint, request))
        .around(move |endpoint, request| {
            middleware::job_metadata(release.clone(), endpoint, request)
        })
        .around(move |endpoint, request| {
            middleware::limit(limits, budget.clone(), endpoint, request)
        })
        .boxed()
        // The log knows why: the panic hook wrote it.
        .with(CatchPanic::new().with_handler(|_| StatusCode::INTERNAL_SERVER_ERROR))
        .around(middleware::problems)
        .around(middleware::security_headers)
        .boxed()
        .with(RequestMetrics)
        .with(RequestSummary::of(&settings.log))
        .with(SetRequestId)
        .boxed()
}

fn checks(db: &DatabaseConnection) -> Checks {
    let db = db.clone();
    migration::SCHEMA.checks(&db).register("queues", move || {
        let db = db.clone();
        async move { bare_queue::checks::queues(&db).await }
    })
}
