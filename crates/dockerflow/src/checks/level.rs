//! How bad a finding is.

use std::fmt;

use serde::{Serialize, Serializer};

/// The levels of a check, from good to bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing to say.
    #[default]
    Ok,
    /// Good to know.
    Info,
    /// The service works, but somebody should look at it.
    Warning,
    /// The service does not do what it should.
    Error,
    /// The service is useless or harmful.
    Critical,
}

impl Level {
    /// The name, as `/__heartbeat__` shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }

    /// The number, as python-dockerflow has it.
    pub fn number(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Info => 20,
            Self::Warning => 30,
            Self::Error => 40,
            Self::Critical => 50,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Level {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
