//! What is logged, and how: `LOG_LEVEL`, `LOG_FORMAT`, `LOG_QUERYSTRING`, `LOG_HEARTBEATS`.

use std::{fmt, str::FromStr};

use tracing_subscriber::filter::{LevelFilter, Targets};

use crate::settings::Switch;

/// How this process logs.
#[derive(Clone, Debug, conf::Conf)]
pub struct Settings {
    /// The lowest level of lines to log: error, warn, info, debug or trace, or a list for single
    /// targets such as `web=debug,sqlx=warn`
    #[conf(env = "LOG_LEVEL", default_value = "info")]
    pub level: Filter,
    /// `json` (mozlog, one object per line) or `text` (for people)
    #[conf(env = "LOG_FORMAT", default_value = "json")]
    pub format: Format,
    /// Whether request summaries show the query string
    #[conf(env = "LOG_QUERYSTRING", default_value = "false")]
    pub querystring: Switch,
    /// Whether successful heartbeats are logged too
    #[conf(env = "LOG_HEARTBEATS", default_value = "true")]
    pub heartbeats: Switch,
}

/// The form of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// mozlog, for machines.
    #[default]
    Json,
    /// For people, in colour on a terminal.
    Text,
}

/// The text is not a [`Format`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected json or text")]
pub struct UnknownFormat;

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        match text.trim().to_ascii_lowercase().as_str() {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err(UnknownFormat),
        }
    }
}

/// Which lines are logged: a level, or a list of `target=level`, or both.
///
/// In a list without a default level, the default is `info`: `web=debug` adds lines and does not
/// silence the rest of the service.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter(Targets);

impl Filter {
    pub(super) fn targets(&self) -> Targets {
        self.0.clone()
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Default for Filter {
    fn default() -> Self {
        Self(Targets::new().with_default(LevelFilter::INFO))
    }
}

/// The text is not a [`Filter`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}': expected error, warn, info, debug, trace or off, or target=level, separated by commas"
)]
pub struct InvalidFilter(String);

impl FromStr for Filter {
    type Err = InvalidFilter;

    fn from_str(text: &str) -> Result<Self, InvalidFilter> {
        let mut directives: Vec<&str> = text.split(',').map(str::trim).collect();
        let mut has_level = false;
        for directive in &directives {
            if is_level(directive) {
                has_level = true;
            } else if !is_for_target(directive) {
                return Err(InvalidFilter((*directive).to_owned()));
            }
        }
        if !has_level {
            directives.insert(0, "info");
        }
        let directives = directives.join(",");
        directives
            .parse()
            .map(Self)
            .map_err(|_| InvalidFilter(directives))
    }
}

fn is_level(text: &str) -> bool {
    // The parser reads an empty text as `error`.
    !text.is_empty() && text.parse::<LevelFilter>().is_ok()
}

/// Stricter than the parser, which reads a misspelt level as a target with all of its lines:
/// `LOG_LEVEL=inof` would silence the service.
fn is_for_target(directive: &str) -> bool {
    directive
        .rsplit_once('=')
        .is_some_and(|(target, level)| is_target(target) && is_level(level))
}

fn is_target(text: &str) -> bool {
    // If the separator is not a comma, the parser reads the whole list as one target.
    !text.is_empty() && !text.contains([' ', ';'])
}
