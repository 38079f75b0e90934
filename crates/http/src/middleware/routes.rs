//! Notes the route of a request for middleware outside of the router.

use std::{collections::HashMap, sync::Arc};

use dockerflow::poem::{MatchedRoute, NoteRoute};
use poem::{EndpointExt as _, endpoint::BoxEndpoint, http::Method};
use poem_openapi::{
    OpenApi,
    registry::{MetaApi, Registry},
};

/// The paths of views as in the OpenAPI document, by the router's pattern.
#[derive(Clone, Debug)]
pub(crate) struct Routes(Arc<HashMap<String, Arc<str>>>);

impl Routes {
    /// The routes of `views`.
    pub(crate) fn of<T: OpenApi>(_views: &T) -> Self {
        let paths = T::meta().into_iter().flat_map(|api| api.paths);
        let routes = paths.map(|path| (pattern(&path.path), path.path.into()));
        Self(Arc::new(routes.collect()))
    }

    /// The same views, but each notes its route before it runs ([`NoteRoute`]), so that its log
    /// lines and panics have the route.
    pub(crate) fn noted_by<T: OpenApi>(&self, views: T) -> Noted<T> {
        let routes = self.clone();
        Noted { views, routes }
    }

    /// Notes the route of this pattern.
    pub(super) fn note(&self, pattern: &str, matched: &MatchedRoute) {
        if let Some(route) = self.0.get(pattern) {
            matched.set(route);
        }
    }
}

/// poem-openapi numbers the parameters: its pattern for `/user/{name}` is `/user/:param0`.
fn pattern(path: &str) -> String {
    let mut names = (0..).map(|number| format!(":param{number}"));
    let segments = path.split('/').map(|segment| {
        let name = segment.starts_with('{').then(|| names.next()).flatten();
        name.unwrap_or_else(|| segment.to_owned())
    });
    segments.collect::<Vec<_>>().join("/")
}

/// What [`Routes::noted_by`] makes of views.
pub(crate) struct Noted<T> {
    views: T,
    routes: Routes,
}

impl<T: OpenApi> OpenApi for Noted<T> {
    fn meta() -> Vec<MetaApi> {
        T::meta()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn add_routes(self, table: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {
        let mut views = HashMap::new();
        self.views.add_routes(&mut views);
        for (pattern, methods) in views {
            let route = self.routes.0.get(&pattern).cloned();
            let route = route.unwrap_or_else(|| pattern.as_str().into());
            let noted = methods.into_iter().map(|(method, view)| {
                let view = view.with(NoteRoute::new(Arc::clone(&route)));
                (method, view.boxed())
            });
            table.entry(pattern).or_default().extend(noted);
        }
    }
}
