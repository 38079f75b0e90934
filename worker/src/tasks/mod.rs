//! The tasks' code. A new task is a file here, its payload in `db/src/tasks`, and a line in
//! [`registry`].

mod prune_finished_jobs;
mod send_welcome_email;

use crate::queue::Registry;

/// The tasks that this worker knows.
pub fn registry() -> Registry {
    Registry::new()
        .task(prune_finished_jobs::prune_finished_jobs)
        .task(send_welcome_email::send_welcome_email)
}
