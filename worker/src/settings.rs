//! The worker's settings.

use conf::Conf;

/// Runs jobs from the database
#[derive(Conf, Clone, Debug)]
#[conf(name = "worker")]
pub struct Settings {
    /// The queue.
    #[conf(flatten)]
    pub queue: bare_queue::Settings,

    /// Mail.
    #[conf(flatten)]
    pub mail: bare_mail::Settings,

    /// The database.
    #[conf(flatten)]
    pub database: db::Settings,

    /// The log, metrics, errors and shutdown.
    #[conf(flatten)]
    pub process: dockerflow::ProcessSettings,
}
