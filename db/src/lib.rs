//! What web and worker share: the tables ([`entities`]) and the payloads of the tasks ([`tasks`]).

pub mod entities;
pub mod tasks;

/// The name of the service: in its API document and mails, and as a word in its log, metrics and
/// database sessions.
pub const SERVICE: &str = "Bare Necessities";

pub use bare_database::{Settings, begin, connect, connect_impatiently};
