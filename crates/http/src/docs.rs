//! The API's documentation: a page for people, and the OpenAPI document for programs.

use hyper::body::Bytes;
use poem::{
    Endpoint, Response,
    endpoint::make_sync,
    http::{HeaderValue, header},
};
use poem_openapi::{OpenApi, OpenApiService};

/// Where the page is.
pub(crate) const PAGE: &str = "/api/v1/docs";

/// Where the document is.
pub(crate) const DOCUMENT: &str = "/api/v1/openapi.json";

/// The page contains all it needs and may load nothing. *Try it out* may call this service only.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// Swagger UI is the only such page that needs nothing from the internet.
pub(crate) fn page<T: OpenApi>(api: &OpenApiService<T, ()>) -> impl Endpoint + use<T> {
    let html = Bytes::from(api.swagger_ui_html());
    make_sync(move |_| {
        Response::builder()
            .content_type("text/html; charset=utf-8")
            .header(header::CONTENT_SECURITY_POLICY, PAGE_POLICY)
            .body(html.clone())
    })
}

/// The OpenAPI document of the views.
pub(crate) fn document<T: OpenApi>(api: &OpenApiService<T, ()>) -> impl Endpoint + use<T> {
    let document = Bytes::from(api.spec());
    make_sync(move |_| {
        Response::builder()
            .content_type("application/json")
            .body(document.clone())
    })
}
