//! The route of a request.

use std::sync::{Arc, OnceLock};

use poem::{Endpoint, Middleware, Request, Result};
use tracing::Span;

/// The route of a request, in its data: empty until [`NoteRoute`] sets it. All clones share it, so
/// middleware outside the router sees it too.
#[derive(Clone, Debug, Default)]
pub struct MatchedRoute(Arc<OnceLock<Arc<str>>>);

impl MatchedRoute {
    /// The template of the route, such as `/order/{name}`, if it is known yet.
    pub fn template(&self) -> Option<Arc<str>> {
        self.0.get().cloned()
    }

    /// Sets the template here and in the span of the request. The first one stays.
    pub fn set(&self, template: &Arc<str>) {
        if self.0.set(Arc::clone(template)).is_ok() {
            Span::current().record("route", &**template);
        }
    }
}

/// Middleware for the endpoint of a route. It notes the route's template for the summary, the
/// metrics, and every line that is logged from here on.
#[derive(Clone, Debug)]
pub struct NoteRoute(Arc<str>);

impl NoteRoute {
    /// Notes this template.
    pub fn new(template: impl Into<Arc<str>>) -> Self {
        Self(template.into())
    }
}

impl<E: Endpoint> Middleware<E> for NoteRoute {
    type Output = NoteRouteEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        NoteRouteEndpoint {
            inner,
            template: Arc::clone(&self.0),
        }
    }
}

/// What [`NoteRoute`] makes of an endpoint.
#[derive(Debug)]
pub struct NoteRouteEndpoint<E> {
    inner: E,
    template: Arc<str>,
}

impl<E: Endpoint> Endpoint for NoteRouteEndpoint<E> {
    type Output = E::Output;

    async fn call(&self, request: Request) -> Result<E::Output> {
        if let Some(route) = request.data::<MatchedRoute>() {
            route.set(&self.template);
        }
        self.inner.call(request).await
    }
}
