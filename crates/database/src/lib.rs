#![doc = include_str!("../README.md")]

mod checks;
mod connection;
pub mod metrics;
pub mod migrate;
mod settings;
mod url;

pub use checks::connected;
pub use connection::{
    ACQUIRE_TIMEOUT, ConnectError, STARTUP_PATIENCE, begin, connect, connect_impatiently,
    connect_loops, listener_pool, own_connection,
};
pub use settings::Settings;
pub use url::{DatabaseUrl, DatabaseUrlError};
