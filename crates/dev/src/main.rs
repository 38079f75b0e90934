//! `cargo dev`: the whole service in one process, and commands for its developers.

mod copy;
mod git;
mod init;
mod name;
mod new;
mod part;
mod readme;
mod remove;
mod service;
mod template;
mod tree;
mod upgrade;
mod watch;
mod words;

use std::{
    env,
    ffi::OsString,
    io::{self, Write as _},
    iter,
    process::ExitCode,
};

use conf::{Conf, Subcommands};

/// Runs web, worker and migrations in one process, on SQLite unless `DATABASE_URL` says otherwise
///
/// The service's settings come from the environment and from `.env`: `cargo run -p dev -- --help` lists them.
///
/// Example: cargo dev --watch
#[derive(Conf, Debug)]
#[conf(name = "cargo dev")]
struct Cli {
    #[conf(subcommands)]
    command: Option<Command>,

    /// Build and start it again whenever a source file changes
    #[conf(long)]
    watch: bool,
}

#[derive(Subcommands, Debug)]
enum Command {
    /// Makes a fresh clone or copy of the template your own service, and commits that
    ///
    /// It gives the service your name, its own README, changelog and version, and removes the parts that you do not want.
    ///
    /// Example: cargo dev init my-service --bare
    Init(init::Init),
    /// Removes a part of the template and all that names it, and commits that
    ///
    /// Without a name it lists the parts.
    ///
    /// Example: cargo dev remove sample
    Remove(remove::Remove),
    /// Writes new code where it belongs, registers it, and writes its test
    ///
    /// Files that are there are never overwritten.
    ///
    /// Example: cargo dev new table order
    New(new::New),
    /// Merges a release of the template into your service, on a branch
    ///
    /// It gives what comes your name, leaves out the parts that you removed, and says what you have to adapt.
    ///
    /// Example: cargo dev upgrade --check
    Upgrade(upgrade::Upgrade),
}

fn main() -> ExitCode {
    // The help says what a developer types, not the name of this program.
    let arguments = iter::once(OsString::from("cargo dev")).chain(env::args_os().skip(1));
    let cli = Cli::conf_builder()
        .args(arguments)
        .env(env::vars_os())
        .parse();
    match run(&cli).and_then(|said| print(&said)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cargo dev: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the command and returns what it has to say.
fn run(cli: &Cli) -> anyhow::Result<String> {
    let root = copy::root()?;
    match &cli.command {
        None if cli.watch => watch::run(&root).map(|()| String::new()),
        None => service::run(&root).map(|()| String::new()),
        Some(Command::Init(init)) => init::run(init, &root),
        Some(Command::Remove(remove)) => remove::run(remove, &root),
        Some(Command::New(new)) => new::run(new, &root),
        Some(Command::Upgrade(upgrade)) => upgrade::run(upgrade, &root),
    }
}

/// Prints it. A reader that has seen enough, such as `head`, is no error.
fn print(text: &str) -> anyhow::Result<()> {
    let mut output = io::stdout().lock();
    match output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
