//! Everything that the suite knows of the fixture: how to place an order, which mail follows, and
//! from which task.

use serde_json::json;
use uuid::Uuid;

/// The path for orders, with POST.
pub(crate) const PATH: &str = "/order";

/// The task that sends the mail.
pub(crate) const TASK: &str = "send_receipt";

/// The body to send to [`PATH`].
pub(crate) fn body(user: usize) -> serde_json::Value {
    json!({"name": format!("order-{user}"), "email": address(user)})
}

/// The job in a `Location`.
pub(crate) fn job(location: &str) -> Option<Uuid> {
    location.strip_prefix("/job/")?.parse().ok()
}

/// The user's address.
fn address(user: usize) -> String {
    format!("user-{user}@faults.example")
}

/// The user with an address.
pub(crate) fn user(address: &str) -> Option<usize> {
    let number = address.strip_prefix("user-")?;
    number.strip_suffix("@faults.example")?.parse().ok()
}
