//! What every request passes, a file each. `router.rs` has the order.

mod body;
mod budget;
mod job_metadata;
mod limit;
mod methods;
mod problems;
mod routes;
mod security_headers;

pub(crate) use body::{BodyError, read_body};
pub(crate) use budget::Budget;
pub(crate) use job_metadata::job_metadata;
pub(crate) use limit::{BeyondCapacity, limit};
pub(crate) use methods::Methods;
pub(crate) use problems::problems;
pub(crate) use routes::Routes;
pub(crate) use security_headers::security_headers;
