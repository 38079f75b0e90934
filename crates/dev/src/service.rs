//! `cargo dev` without a command: the service of the package `dev`.

use std::{env, path::Path, process::Command};

use anyhow::Context as _;

/// Builds and runs the service in place of this process.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let mut cargo = cargo(root);
    cargo.args(["run", "--package", "dev"]);
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt as _;
        Err(cargo.exec()).context("cargo does not start")
    }
    #[cfg(not(unix))]
    {
        let status = cargo.status().context("cargo does not start")?;
        std::process::exit(status.code().unwrap_or(1));
    }
}

/// The cargo that runs this command, in the root of the repository.
pub(crate) fn cargo(root: &Path) -> Command {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut cargo = Command::new(cargo);
    cargo.current_dir(root);
    cargo
}
