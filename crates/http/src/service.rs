//! Routes requests to the views, to Dockerflow's endpoints and to the documentation.

use dockerflow::{checks::Checks, poem::NoteRoute, version::Version};
use poem::{Endpoint, EndpointExt as _, Response, get};
use poem_openapi::{OpenApi, OpenApiService};

use crate::{
    Settings, docs,
    middleware::{Methods, Routes},
};

/// The routes of a service with this title and these views. [`App`](crate::App) serves them; the
/// service can add its own middleware in between.
///
/// Besides the views there are Dockerflow's endpoints ([`dockerflow::poem::routes`]), which show
/// `version` and run `checks`, and the documentation, if the settings allow it: `/api/v1/docs` for
/// people, `/api/v1/openapi.json` for programs. A method that a path does not support is answered
/// with those that it does.
///
/// # Panics
/// If a body has no limit: see [`Json`](crate::Json).
pub fn service<T: OpenApi + Clone + 'static>(
    title: &str,
    views: T,
    version: Version,
    checks: Checks,
    settings: &Settings,
) -> impl Endpoint<Output = Response> + use<T> {
    let routes = Routes::of(&views);
    let methods = Methods::of(views.clone(), &routes);
    let api = OpenApiService::new(routes.noted_by(views), title, version.version.as_str());

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
        .around(move |endpoint, request| methods.clone().answer(endpoint, request))
}
