//! git, run in a folder.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};

/// Runs git and returns what it prints, without the line's end. What it says when it fails is the error.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .context("git does not start")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let command = arguments.join(" ");
    ensure!(output.status.success(), "git {command}: {}", said.trim());
    let printed = String::from_utf8(output.stdout).with_context(|| format!("git {command}"))?;
    Ok(printed.trim_end_matches('\n').to_owned())
}

/// Whether git succeeds, for a question that it answers by its exit code.
pub(crate) fn asks(folder: &Path, arguments: &[&str]) -> bool {
    git(folder, arguments).is_ok()
}

/// An error unless all changes are committed and a commit can be made.
pub(crate) fn ensure_clean(folder: &Path) -> anyhow::Result<()> {
    let status = git(folder, &["status", "--porcelain"])
        .context("this is no git repository: git init, git add . and git commit come first")?;
    ensure!(
        status.is_empty(),
        "there are changes that are not committed: commit or stash them first\n{status}"
    );
    git(folder, &["var", "GIT_AUTHOR_IDENT"]).context("git does not know who you are")?;
    Ok(())
}

/// Commits all that differs.
pub(crate) fn commit(folder: &Path, message: &str) -> anyhow::Result<()> {
    git(folder, &["add", "--all"])?;
    git(folder, &["commit", "--quiet", "--message", message])?;
    Ok(())
}
