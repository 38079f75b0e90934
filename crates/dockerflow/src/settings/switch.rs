//! A setting that is on or off.

use std::fmt;
use std::str::FromStr;

/// A boolean setting: `true`, `1`, `yes`, `on` or `false`, `0`, `no`, `off`, in any case.
///
/// Anything else is an error. If every other word meant "on", `ture` and `disabled` would open what
/// should stay closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Switch(bool);

impl Switch {
    /// Whether it is on.
    pub fn is_on(self) -> bool {
        self.0
    }
}

impl From<bool> for Switch {
    fn from(on: bool) -> Self {
        Self(on)
    }
}

impl From<Switch> for bool {
    fn from(switch: Switch) -> Self {
        switch.0
    }
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The text is not a [`Switch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected true or false (or 1, 0, yes, no, on, off)")]
pub struct NotASwitch;

impl FromStr for Switch {
    type Err = NotASwitch;

    fn from_str(text: &str) -> Result<Self, NotASwitch> {
        match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(Self(true)),
            "false" | "0" | "no" | "off" => Ok(Self(false)),
            _ => Err(NotASwitch),
        }
    }
}
