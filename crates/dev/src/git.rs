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

/// Makes a commit an ancestor, and takes none of its changes.
pub(crate) fn join(folder: &Path, message: &str, commit: &str) -> anyhow::Result<()> {
    let arguments = [
        "merge",
        "--quiet",
        "--strategy=ours",
        "--allow-unrelated-histories",
        "--message",
        message,
        commit,
    ];
    git(folder, &arguments).map(drop)
}

/// Changes a clean tree. If that fails, the tree and its branch are as before.
pub(crate) fn all_or_nothing<T>(
    folder: &Path,
    change: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let head = git(folder, &["rev-parse", "HEAD"])?;
    let branch = git(folder, &["branch", "--show-current"])?;
    change().inspect_err(|_| {
        // What cannot be restored is what git says is changed.
        let _ = git(folder, &["reset", "--quiet", "--hard"]);
        let _ = git(folder, &["clean", "--quiet", "-d", "--force"]);
        let now = git(folder, &["branch", "--show-current"]).unwrap_or_default();
        if now != branch && !branch.is_empty() {
            let _ = git(folder, &["switch", "--quiet", &branch]);
            let _ = git(folder, &["branch", "--quiet", "-D", &now]);
        }
        let _ = git(folder, &["reset", "--quiet", "--hard", &head]);
    })
}
