//! The welcome mail for a new user.

use bare_queue::Task;
use serde::{Deserialize, Serialize};

/// Sends the welcome mail to a user. The address is read when the job runs.
#[derive(Debug, Serialize, Deserialize)]
pub struct SendWelcomeEmail {
    /// The user.
    pub user_id: i32,
}

impl Task for SendWelcomeEmail {
    const KIND: &'static str = "send_welcome_email";
}
