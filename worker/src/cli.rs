//! `worker`, and its commands.

use bare_queue::cli::Jobs;
use conf::{Conf, Subcommands};

use crate::Settings;

/// Runs jobs from the database, or operates the queue
#[derive(Conf, Clone, Debug)]
#[conf(name = "worker")]
pub struct Cli {
    /// Only for `--help`: a command is read by [`Commands`].
    #[conf(subcommands)]
    pub command: Option<Command>,

    /// The settings.
    #[conf(flatten)]
    pub settings: Settings,
}

/// A command, which needs no other settings than its own
#[derive(Conf, Clone, Debug)]
#[conf(name = "worker")]
pub struct Commands {
    /// The command.
    #[conf(subcommands)]
    pub command: Command,
}

/// The commands of the binary.
#[derive(Subcommands, Clone, Debug)]
pub enum Command {
    /// Lists, retries, cancels and enqueues jobs; pauses and limits queues
    Jobs(Jobs),
}
