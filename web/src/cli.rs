//! `web`, and `web healthcheck`.

use bare_http::Healthcheck;
use conf::{Conf, Subcommands};

use crate::Settings;

/// Serves the HTTP api, or asks after one that does
#[derive(Conf, Clone, Debug)]
#[conf(name = "web")]
pub struct Cli {
    /// What to do instead of serving.
    #[conf(subcommands)]
    pub command: Option<Command>,

    /// The settings.
    #[conf(flatten)]
    pub settings: Settings,
}

/// What the binary does beside serving.
#[derive(Subcommands, Clone, Debug)]
pub enum Command {
    /// Asks the process on this machine's `PORT` whether it answers
    Healthcheck(Healthcheck),
}
