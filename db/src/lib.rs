//! What web and worker share: the tables ([`entities`]) and the payloads of the tasks ([`tasks`]).

pub mod entities;
pub mod tasks;

pub use bare_database::{Settings, begin, connect, connect_impatiently};
