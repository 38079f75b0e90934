//! Turns every error into `application/problem+json`.

use std::sync::Arc;

use dockerflow::poem::RequestId;
use poem::{Endpoint, IntoResponse as _, Request, Response, Result};

use crate::problem::Problem;

/// Turns an error of `endpoint`, or an answer with an error status and no body, into a problem.
/// Logs it if the server is at fault.
pub(crate) async fn problems<E: Endpoint>(endpoint: Arc<E>, request: Request) -> Result<Response> {
    let uri = request.original_uri().clone();
    let request_id = request.data::<RequestId>().cloned();

    let answer = match endpoint.call(request).await {
        Ok(output) => unless_bare_error(output.into_response()),
        Err(error) if error.is_from_response() => unless_bare_error(error.into_response()),
        Err(error) => Err(error.into()),
    };
    let problem: Problem = match answer {
        Ok(response) => return Ok(response),
        Err(problem) => problem,
    };
    problem.log();
    Ok(problem.respond(Some(uri.path()), request_id.as_ref().map(RequestId::as_str)))
}

/// A problem says more than a response with an error status and no body.
fn unless_bare_error(mut response: Response) -> Result<Response, Problem> {
    let status = response.status();
    let body = response.take_body();
    if body.is_empty() && (status.is_client_error() || status.is_server_error()) {
        return Err(Problem::of_status(status).headers_of(&response));
    }
    response.set_body(body);
    Ok(response)
}
