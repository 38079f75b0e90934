//! `web`, and `web healthcheck`.

use bare_http::Healthcheck;
use conf::{Conf, Subcommands};

use crate::Settings;

/// Serves the HTTP API, or checks that it answers
#[derive(Conf, Clone, Debug)]
#[conf(name = "web")]
pub struct Cli {
    /// A command to run instead of serving.
    #[conf(subcommands)]
    pub command: Option<Command>,

    /// The settings.
    #[conf(flatten)]
    pub settings: Settings,
}

/// The commands of the binary.
#[derive(Subcommands, Clone, Debug)]
pub enum Command {
    /// Checks that the process on this machine's `PORT` answers
    Healthcheck(Healthcheck),
}
