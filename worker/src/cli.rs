//! `worker jobs`: operating the queue from a shell.

use bare_queue::cli::Jobs;
use conf::{Conf, Subcommands};

use crate::Settings;

/// Claims jobs from the database and runs them, or operates the queue
#[derive(Conf, Clone, Debug)]
#[conf(name = "worker")]
pub struct Cli {
    /// What to do instead of running jobs.
    #[conf(subcommands)]
    pub command: Option<Command>,

    /// The settings.
    #[conf(flatten)]
    pub settings: Settings,
}

/// What the binary does beside running jobs.
#[derive(Subcommands, Clone, Debug)]
pub enum Command {
    /// Lists, retries, cancels, enqueues jobs; pauses queues
    Jobs(Jobs),
}
