//! Settings from the environment and a `.env` file.
//!
//! A variable comes from the first of these that has it:
//! 1. the process's environment,
//! 2. the file `.env` in the working directory (development),
//! 3. the defaults that are given to [`load_over`],
//! 4. the default in the type of the settings.
//!
//! An empty variable (`SMTP_URL=`) counts as unset, because compose files and `.env` files contain
//! such lines. An empty one in the environment also hides the one in `.env`.

mod dotenv;
mod number;
mod switch;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write as _;
use std::process;

use conf::Conf;
use conf::introspection::ProgramOptionMeta as _;

pub use number::between;
pub use switch::{NotASwitch, Switch};

/// The exit code of a process whose settings are wrong.
pub const EXIT_CODE: i32 = 2;

/// Reads the settings or ends the process: with [`EXIT_CODE`] after writing every fault to standard
/// error, or with 0 after `--help`.
pub fn load<T: Conf>() -> T {
    load_over(&[])
}

/// As [`load`], with defaults that override those in the type, as a development command needs.
pub fn load_over<T: Conf>(defaults: &[(&str, &str)]) -> T {
    let (mut variables, faults) = dotenv::read(".env");
    for &(name, default) in defaults {
        variables
            .entry(name.into())
            .or_insert_with(|| default.into());
    }
    variables.extend(std::env::vars_os());

    let loaded = try_load_from(std::env::args_os(), variables);
    if let Err(error) = &loaded
        && error.exit_code() == 0
    {
        error.exit();
    }
    for fault in &faults {
        // If standard error is closed, the exit code still tells.
        let _ = writeln!(std::io::stderr(), "error: {fault}");
    }
    match loaded {
        Ok(settings) if faults.is_empty() => settings,
        Ok(_) => process::exit(EXIT_CODE),
        Err(error) => {
            let _ = error.print();
            process::exit(EXIT_CODE)
        }
    }
}

/// Reads the settings only from these arguments (the first is the program's name) and variables.
///
/// # Errors
/// One error that names every wrong setting, or has the text of `--help`.
pub fn try_load_from<T, A, K, V>(
    args: impl IntoIterator<Item = A>,
    env: impl IntoIterator<Item = (K, V)>,
) -> Result<T, conf::Error>
where
    T: Conf,
    A: Into<OsString>,
    K: Into<OsString>,
    V: Into<OsString>,
{
    let set: BTreeMap<OsString, OsString> = env
        .into_iter()
        .map(|(name, value)| (name.into(), value.into()))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    T::conf_builder().args(args).env(set).try_parse()
}

/// One variable that a settings type reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name in the environment.
    pub name: String,
    /// The default, as one would write it.
    pub default: Option<String>,
    /// Whether the process does not start without it.
    pub required: bool,
    /// What it means, on one line.
    pub description: String,
}

/// Every variable that `T` reads, in the order of its fields, so that a test can compare
/// `.env.example` and the documentation with the code.
pub fn table<T: Conf>() -> Vec<Variable> {
    T::program_options()
        .filter_map(|option| {
            Some(Variable {
                name: option.env_form()?.to_string(),
                default: option.default_help_str().map(ToString::to_string),
                required: option.is_required(),
                description: option
                    .description()
                    .map(|text| text.to_string().replace('\n', " "))
                    .unwrap_or_default(),
            })
        })
        .collect()
}
