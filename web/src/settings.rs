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

    /// Who is told of metrics.
    #[conf(flatten)]
    pub metrics: dockerflow::metrics::Settings,

    /// The log.
    #[conf(flatten)]
    pub log: dockerflow::log::Settings,

    /// Where errors are reported.
    #[conf(flatten)]
    pub sentry: dockerflow::sentry::Settings,
}
