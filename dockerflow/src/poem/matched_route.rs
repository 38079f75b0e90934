//! Which route a request took.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use poem::{Endpoint, Middleware, Request, Result};
use tracing::Span;

/// The route that a request took, as its template (`/user/:name`) and never as the path that was
/// sent: in the request's data from [`RequestSummary`](super::RequestSummary) inwards, and empty until
/// [`NoteRoute`] fills it in.
#[derive(Clone, Debug, Default)]
pub struct MatchedRoute(Arc<OnceLock<Cow<'static, str>>>);

impl MatchedRoute {
    /// The template; `None` where no route matched.
    pub fn get(&self) -> Option<&str> {
        self.0.get().map(|template| &**template)
    }
}

/// Middleware for the endpoint of a route, which notes the route's template: for the summary, for
/// metrics, and in the span of the request for whatever is logged from here on.
#[derive(Clone, Debug)]
pub struct NoteRoute(Cow<'static, str>);

impl NoteRoute {
    /// Notes this template.
    pub fn new(template: impl Into<Cow<'static, str>>) -> Self {
        Self(template.into())
    }
}

impl<E: Endpoint> Middleware<E> for NoteRoute {
    type Output = NoteRouteEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        NoteRouteEndpoint {
            inner,
            template: self.0.clone(),
        }
    }
}

/// What [`NoteRoute`] makes of an endpoint.
#[derive(Debug)]
pub struct NoteRouteEndpoint<E> {
    inner: E,
    template: Cow<'static, str>,
}

impl<E: Endpoint> Endpoint for NoteRouteEndpoint<E> {
    type Output = E::Output;

    async fn call(&self, request: Request) -> Result<E::Output> {
        if let Some(MatchedRoute(route)) = request.data() {
            // The first is the outermost, of which there is one.
            let _ = route.set(self.template.clone());
            Span::current().record("route", &*self.template);
        }
        self.inner.call(request).await
    }
}
