//! The tables ([`entities`]), the job store ([`jobs`]) and the payloads of the tasks ([`tasks`]).

pub mod checks;
pub mod entities;
pub mod jobs;
pub mod tasks;

pub use bare_database::{
    ACQUIRE_TIMEOUT, ConnectError, DatabaseUrl, DatabaseUrlError, STARTUP_PATIENCE, Settings,
    begin, connect, connect_impatiently, listener_pool, metrics,
};
