//! The code of the tasks. To add one, write a file here, its payload in `db/src/tasks`, and a line in
//! [`registry`].

mod send_welcome_email;

use crate::Registry;

/// The tasks that this worker runs.
pub fn registry() -> Registry {
    Registry::new().task(send_welcome_email::send_welcome_email)
}
