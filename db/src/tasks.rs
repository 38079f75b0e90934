//! The tasks' payloads: what transits through the database from the binary that enqueues to the
//! worker.
//!
//! A new task is a file here for its payload, and a file in `worker/src/tasks` for its code. Each has
//! its line in the `tasks.rs` beside it.

mod send_welcome_email;

pub use send_welcome_email::SendWelcomeEmail;
