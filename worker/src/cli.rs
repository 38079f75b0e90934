//! The command line: the worker, and `worker jobs` to operate the queue from a shell.

use bare_queue::cli::Jobs;
use conf::{Conf, Subcommands};

use crate::Settings;

/// Runs jobs from the database, or operates the queue
#[derive(Conf, Clone, Debug)]
#[conf(name = "worker")]
pub struct Cli {
    /// A command to run instead of running jobs.
    #[conf(subcommands)]
    pub command: Option<Command>,

    /// The settings.
    #[conf(flatten)]
    pub settings: Settings,
}

/// The commands of the binary.
#[derive(Subcommands, Clone, Debug)]
pub enum Command {
    /// Lists, retries, cancels and enqueues jobs; pauses and limits queues
    Jobs(Jobs),
}
