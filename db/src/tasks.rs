//! The payloads of the tasks, which web writes and the worker reads.
//!
//! To add a task, write its payload in a file here and its code in a file in `worker/src/tasks`. List each
//! in the `tasks.rs` next to its folder.

mod send_welcome_email;

pub use send_welcome_email::SendWelcomeEmail;
