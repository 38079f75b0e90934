//! The worker's settings.

use conf::Conf;

use crate::mail;

/// Claims jobs from the database and runs them
#[derive(Conf, Clone, Debug)]
#[conf(name = "worker")]
pub struct Settings {
    /// The queue.
    #[conf(flatten)]
    pub queue: bare_queue::Settings,

    /// How mail leaves.
    #[conf(flatten)]
    pub mail: mail::Settings,

    /// Which database.
    #[conf(flatten)]
    pub database: db::Settings,

    /// The log, metrics, and how the process ends.
    #[conf(flatten)]
    pub process: dockerflow::ProcessSettings,
}
