//! A new user is welcomed.

use serde::{Deserialize, Serialize};

use crate::jobs::Task;

/// Sends the welcome e-mail to a user, whose address is read when the job runs.
#[derive(Debug, Serialize, Deserialize)]
pub struct SendWelcomeEmail {
    /// The user.
    pub user_id: i32,
}

impl Task for SendWelcomeEmail {
    const KIND: &'static str = "send_welcome_email";
}
