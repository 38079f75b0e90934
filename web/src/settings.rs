//! What the web process is told by its environment.

use conf::Conf;

/// The HTTP api
#[derive(Conf, Clone, Debug)]
#[conf(name = "web")]
pub struct Settings {
    /// Where and how it serves.
    #[conf(flatten)]
    pub http: bare_http::Settings,

    /// The database.
    #[conf(flatten)]
    pub database: db::Settings,

    /// The log, metrics, and how the process ends.
    #[conf(flatten)]
    pub process: dockerflow::ProcessSettings,
}
