//! All that the suite knows of the service under test: how somebody signs up, what mail follows, and by
//! which task.

use serde_json::json;
use uuid::Uuid;

/// Where one signs up, with POST.
pub(crate) const PATH: &str = "/user";

/// The task that sends the mail.
pub(crate) const TASK: &str = "send_welcome_email";

/// What is sent to [`PATH`].
pub(crate) fn body(user: usize) -> serde_json::Value {
    json!({"name": format!("user-{user}"), "email": address(user)})
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
