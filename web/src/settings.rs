//! The settings of the web process.

use conf::Conf;

/// The HTTP API
#[derive(Conf, Clone, Debug)]
#[conf(name = "web")]
pub struct Settings {
    /// The server.
    #[conf(flatten)]
    pub http: bare_http::Settings,

    /// The database.
    #[conf(flatten)]
    pub database: db::Settings,

    /// The log, metrics, errors and shutdown.
    #[conf(flatten)]
    pub process: dockerflow::ProcessSettings,
}
