//! Which view a request reached, known from the view on.

use std::collections::HashMap;

use dockerflow::poem::NoteRoute;
use poem::{EndpointExt as _, endpoint::BoxEndpoint, http::Method};
use poem_openapi::{
    OpenApi,
    registry::{MetaApi, Registry},
};

/// The same views, each of which notes its route ([`NoteRoute`]) before it runs: what a view logs, and a panic in
/// it, says where it happened.
#[derive(Clone)]
pub(crate) struct NoteRoutes<T>(pub(crate) T);

impl<T: OpenApi> OpenApi for NoteRoutes<T> {
    fn meta() -> Vec<MetaApi> {
        T::meta()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn add_routes(self, table: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {
        let mut own = HashMap::new();
        self.0.add_routes(&mut own);
        for (path, methods) in own {
            let noting =
                |view: BoxEndpoint<'static>| view.with(NoteRoute::new(path.clone())).boxed();
            let methods: Vec<_> = methods
                .into_iter()
                .map(|(method, view)| (method, noting(view)))
                .collect();
            table.entry(path).or_default().extend(methods);
        }
    }
}
