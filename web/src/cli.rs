//! `web`, and its commands.

use bare_http::Healthcheck;
use conf::{Conf, Subcommands};

use crate::Settings;

/// Serves the HTTP API, or checks that it answers
#[derive(Conf, Clone, Debug)]
#[conf(name = "web")]
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
#[conf(name = "web")]
pub struct Commands {
    /// The command.
    #[conf(subcommands)]
    pub command: Command,
}

/// The commands of the binary.
#[derive(Subcommands, Clone, Debug)]
pub enum Command {
    /// Checks that the process on this machine's `PORT` answers
    Healthcheck(Healthcheck),
}
