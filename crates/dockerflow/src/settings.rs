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
    load_by(defaults, try_load_from)
}

/// What the command line asks for.
#[derive(Clone, Debug)]
pub enum CommandLine<C, S> {
    /// A command with its own settings.
    Command(C),
    /// The service with its settings, because no argument names a command.
    Service(S),
}

/// Reads the command that the first argument names, or else the service. Only what was asked for
/// reads its settings. Ends the process as [`load`] does.
pub fn load_command_line<C: Conf, S: Conf>() -> CommandLine<C, S> {
    load_by(&[], try_command_line_from)
}

fn load_by<T>(
    defaults: &[(&str, &str)],
    read: impl FnOnce(Vec<OsString>, BTreeMap<OsString, OsString>) -> Result<T, conf::Error>,
) -> T {
    let (mut variables, faults) = dotenv::read(".env");
    for &(name, default) in defaults {
        variables
            .entry(name.into())
            .or_insert_with(|| default.into());
    }
    variables.extend(std::env::vars_os());

    let loaded = read(std::env::args_os().collect(), variables);
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
        Ok(loaded) if faults.is_empty() => loaded,
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

/// As [`load_command_line`], only from these arguments (the first is the program's name) and
/// variables.
///
/// # Errors
/// As [`try_load_from`].
pub fn try_command_line_from<C, S, A, K, V>(
    args: impl IntoIterator<Item = A>,
    env: impl IntoIterator<Item = (K, V)>,
) -> Result<CommandLine<C, S>, conf::Error>
where
    C: Conf,
    S: Conf,
    A: Into<OsString>,
    K: Into<OsString>,
    V: Into<OsString>,
{
    let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
    let first = args.get(1).map(|first| first.to_string_lossy());
    if first.is_some_and(|first| !first.starts_with('-')) {
        try_load_from(args, env).map(CommandLine::Command)
    } else {
        try_load_from(args, env).map(CommandLine::Service)
    }
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
