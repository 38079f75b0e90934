//! The database: the connection, the tables ([`entities`]), the job store ([`jobs`]) and the
//! payloads of the tasks ([`tasks`]).

pub mod checks;
mod connection;
pub mod entities;
pub mod jobs;
pub mod metrics;
mod settings;
pub mod tasks;
mod url;

pub use connection::{
    ACQUIRE_TIMEOUT, ConnectError, STARTUP_PATIENCE, begin, connect, connect_impatiently,
    listener_pool,
};
pub use settings::Settings;
pub use url::{DatabaseUrl, DatabaseUrlError};
