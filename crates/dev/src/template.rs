//! The template's own repository: its releases and their commits.

use std::path::Path;

use anyhow::{Context as _, ensure};

use crate::{git::git, tree::COPY};

/// Where its releases are listed, newest first.
pub(crate) const CHANGELOG: &str = "crates/CHANGELOG.md";

/// Whether the commits of the template are in the history: whether it is a clone, and not a copy of the files.
pub(crate) fn has_history(root: &Path, version: &str) -> anyhow::Result<bool> {
    let first = git(root, &["rev-list", "--max-parents=0", "HEAD"])?;
    let began = release(root, "HEAD", version)?;
    Ok(began.is_some_and(|commit| !first.lines().any(|first| first == commit)))
}

/// The commit that closed a version in the template's changelog. A clone may lack its tag.
pub(crate) fn release(root: &Path, of: &str, version: &str) -> anyhow::Result<Option<String>> {
    let section = format!("-S## {version} - ");
    let commits = git(root, &["log", "--format=%H", &section, of, "--", CHANGELOG])?;
    Ok(commits.lines().last().map(str::to_owned))
}

/// Fetches the template and returns the commit that this copy has the files of: the one with the same tree, or else
/// the release.
pub(crate) fn commit_of(root: &Path, template: &str, version: &str) -> anyhow::Result<String> {
    fetch(root, template)?;
    let first = git(root, &["rev-list", "--max-parents=0", "HEAD"])?;
    let first = first.lines().next().unwrap_or_default();
    let tree = git(root, &["rev-parse", &format!("{first}^{{tree}}")])?;
    let commits = git(root, &["log", "--format=%H %T", "FETCH_HEAD"])?;
    let same = commits
        .lines()
        .find_map(|line| line.strip_suffix(&format!(" {tree}")));
    match same {
        Some(commit) => Ok(commit.to_owned()),
        None => release(root, "FETCH_HEAD", version)?
            .with_context(|| format!("the template at {template} has no release {version}")),
    }
}

/// Fetches the template's main branch, and its tags.
pub(crate) fn fetch(root: &Path, template: &str) -> anyhow::Result<()> {
    ensure!(
        !template.is_empty(),
        "{COPY} does not say where the template is"
    );
    let tags = "refs/tags/template-v*:refs/tags/template-v*";
    git(
        root,
        &["fetch", "--quiet", "--no-tags", template, "HEAD", tags],
    )?;
    Ok(())
}
