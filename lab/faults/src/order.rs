//! All that the suite knows of the fixture: how somebody places an order, what mail follows, and by
//! which task.

use serde_json::json;
use uuid::Uuid;

/// Where one orders, with POST.
pub(crate) const PATH: &str = "/order";

/// The task that sends the mail.
pub(crate) const TASK: &str = "send_receipt";

/// What is sent to [`PATH`].
pub(crate) fn body(user: usize) -> serde_json::Value {
    json!({"name": format!("order-{user}"), "email": address(user)})
}

/// The job that a `Location` names.
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
