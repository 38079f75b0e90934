//! The methods that a path supports: `Allow` on a 405, and the answer to OPTIONS.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use dockerflow::poem::MatchedRoute;
use poem::{
    Endpoint, IntoResponse as _, PathPattern, Request, Response, Result,
    error::MethodNotAllowedError,
    http::{HeaderValue, Method, StatusCode, header},
};
use poem_openapi::OpenApi;

use super::routes::Routes;
use crate::problem::Problem;

/// Dockerflow's endpoints and the documentation can only be read.
const READ_ONLY: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// The value of `Allow` by the pattern of the path.
#[derive(Clone, Debug)]
pub(crate) struct Methods {
    allow: Arc<HashMap<String, HeaderValue>>,
    routes: Routes,
}

impl Methods {
    /// The methods that `views` support on their routes.
    pub(crate) fn of(views: impl OpenApi, routes: &Routes) -> Self {
        let mut known = HashMap::new();
        views.add_routes(&mut known);
        let allow = known
            .into_iter()
            .filter_map(|(pattern, methods)| Some((pattern, allow(methods.into_keys())?)));
        Self {
            allow: Arc::new(allow.collect()),
            routes: routes.clone(),
        }
    }

    /// Completes the answer of `endpoint` if the path does not support the method. It also notes
    /// the route of such a request, because no view does.
    pub(crate) async fn answer<E: Endpoint>(
        self,
        endpoint: Arc<E>,
        request: Request,
    ) -> Result<Response> {
        let is_options = request.method() == Method::OPTIONS;
        if is_options && request.uri().path() == "*" {
            // It asks about the server, not about a resource (RFC 9110, section 9.3.7).
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        let matched = request.data::<MatchedRoute>().cloned();
        let error = match endpoint.call(request).await {
            Ok(output) => return Ok(output.into_response()),
            Err(error) if !error.is::<MethodNotAllowedError>() => return Err(error),
            Err(error) => error,
        };
        let pattern = error.data::<PathPattern>().map(|pattern| &*pattern.0);
        if let (Some(pattern), Some(matched)) = (pattern, matched) {
            self.routes.note(pattern, &matched);
        }
        let allow = pattern.and_then(|pattern| self.allow.get(pattern));
        let allow = allow.cloned().unwrap_or(READ_ONLY);
        if is_options {
            Ok(StatusCode::NO_CONTENT
                .with_header(header::ALLOW, allow)
                .into_response())
        } else {
            let problem = Problem::of_status(StatusCode::METHOD_NOT_ALLOWED);
            Err(problem.header(header::ALLOW, allow).into())
        }
    }
}

/// It is never `None`: the name of a method is a token, which a header may contain.
fn allow(methods: impl Iterator<Item = Method>) -> Option<HeaderValue> {
    let mut methods: BTreeSet<String> = methods.map(|method| method.to_string()).collect();
    if methods.contains("GET") {
        methods.insert("HEAD".to_owned());
    }
    methods.insert("OPTIONS".to_owned());
    let list: Vec<String> = methods.into_iter().collect();
    HeaderValue::try_from(list.join(", ")).ok()
}
