//! `cargo dev upgrade`: a release of the template is merged into a service.
//!
//! What is merged is the template as this service would have it: with its name and without the parts that it removed.
//! So git sees only what the template changed between the two releases and what the owner changed since.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use conf::Conf;

use crate::{
    copy::{self, Copy},
    git::{all_or_nothing, asks, ensure_clean, git, join},
    template::{CHANGELOG, fetch, release},
    tree::{COPY, Tree},
};

const UPGRADING: &str = "docs/upgrading.md";

/// The service's own pages, in which a merge would only be in the way.
const OWN: [&str; 2] = ["README.md", "CHANGELOG.md"];

/// Merges a release of the template into your service, on a branch
#[derive(Conf, Debug)]
pub(crate) struct Upgrade {
    /// The tag of the release, such as template-v0.2.0: the newest unless you say it
    #[conf(pos)]
    pub(crate) tag: Option<String>,

    /// Only say what is new
    #[conf(long)]
    pub(crate) check: bool,
}

pub(crate) fn run(upgrade: &Upgrade, root: &Path) -> anyhow::Result<String> {
    let copy = Copy::of(&Tree::read(root)?)?;
    let Some(copy) = copy else {
        bail!("there is no {COPY}: cargo dev init writes it");
    };
    fetch(root, &copy.template)?;
    let newest = git(root, &["rev-parse", "FETCH_HEAD"])?;
    let changelog = git(root, &["show", &format!("{newest}:{CHANGELOG}")])?;
    let version = match &upgrade.tag {
        Some(tag) => tag.trim_start_matches("template-v").to_owned(),
        None => versions(&changelog)
            .next()
            .context("the template has no release")?
            .to_owned(),
    };
    let Some(new) = release(root, &newest, &version)? else {
        bail!("the template has no release {version}");
    };
    // Newest first. A service that began before the first release has the version of none.
    let place = |version: &str| versions(&changelog).position(|it| it == version);
    let is_new =
        place(&copy.version).is_none_or(|old| place(&version).is_some_and(|new| new < old));
    if !is_new {
        return Ok(format!(
            "{} is up to date with the template's {}.\n",
            copy.name, copy.version
        ));
    }
    if upgrade.check {
        return Ok(format!(
            "{} has the template's {}, and {version} is new:\n\n{}",
            copy.name,
            copy.version,
            between(&changelog, "## ", &copy.version, &version)
        ));
    }
    ensure_clean(root)?;
    all_or_nothing(root, || merge(root, &copy, &version, &new))
}

fn merge(root: &Path, copy: &Copy, version: &str, new: &str) -> anyhow::Result<String> {
    let old = old_commit(root, copy)?;
    let then = Copy {
        version: version.to_owned(),
        commit: new.to_owned(),
        ..copy.clone()
    };
    let base = adapted(root, &old, copy, &[&old])?;
    let theirs = adapted(root, new, &then, &[&base, new])?;

    let branch = format!("upgrade-{version}");
    git(root, &["switch", "--quiet", "--create", &branch])?;
    // Says that all of the old release is here already.
    let message = format!(
        "Name the template's {} as the base of the next merge",
        copy.version
    );
    join(root, &message, &base)?;
    let message = format!("--message=Upgrade the template to {version}");
    let is_merged = asks(root, &["merge", "--quiet", &message, &theirs]);
    let conflicts = if is_merged {
        String::new()
    } else {
        conflicts_without_lock_file(root, &theirs)?
    };

    let notes = git(root, &["show", &format!("{new}:{UPGRADING}")])?;
    let adapt = between(&notes, "## To ", &copy.version, version);
    let resolve = match conflicts.as_str() {
        "" => String::new(),
        files => format!(
            "You and the template changed the same lines. Resolve these, then git commit:\n{files}\n"
        ),
    };
    Ok(format!(
        "{adapt}\nThe template's {version} is merged on the branch {branch}.\n{resolve}Now: cargo test\n"
    ))
}

/// The files that are left to resolve. `Cargo.lock` is made again from the template's and the manifests. If that was
/// all, the merge is committed.
fn conflicts_without_lock_file(root: &Path, theirs: &str) -> anyhow::Result<String> {
    const LOCK: &str = "Cargo.lock";
    let unresolved = ["diff", "--name-only", "--diff-filter=U"];
    let conflicts = git(root, &unresolved)?;
    ensure!(
        !conflicts.is_empty(),
        "git merge {theirs} fails: see git status"
    );
    if !conflicts.lines().any(|file| file == LOCK) {
        return Ok(conflicts);
    }
    git(root, &["checkout", "--quiet", "--theirs", "--", LOCK])?;
    // A manifest that is in conflict itself is no manifest yet. Then cargo does it at the next build.
    let is_updated = copy::update_lock_file(root).is_ok();
    git(root, &["add", "--", LOCK])?;
    let conflicts = git(root, &unresolved)?;
    if conflicts.is_empty() && is_updated {
        git(root, &["commit", "--quiet", "--no-edit"])?;
    }
    Ok(conflicts)
}

fn old_commit(root: &Path, copy: &Copy) -> anyhow::Result<String> {
    if !copy.commit.is_empty() && asks(root, &["cat-file", "-e", &copy.commit]) {
        return Ok(copy.commit.clone());
    }
    release(root, "FETCH_HEAD", &copy.version)?
        .with_context(|| format!("the template has no release {}", copy.version))
}

/// A commit of the template's files as a service has them.
fn adapted(root: &Path, commit: &str, copy: &Copy, parents: &[&str]) -> anyhow::Result<String> {
    let checkout = Checkout::of(root, commit)?;
    let mut tree = Tree::read(&checkout.folder)?;
    copy.make(&mut tree)?;
    for page in OWN {
        tree.remove(page);
    }
    tree.write()?;
    copy::update_lock_file(&checkout.folder)?;
    git(&checkout.folder, &["add", "--all"])?;
    let files = git(&checkout.folder, &["write-tree"])?;
    let message = format!("The template's {}, as {} has it", copy.version, copy.name);
    let mut arguments = vec!["commit-tree", &files, "-m", &message];
    for parent in parents {
        arguments.extend(["-p", parent]);
    }
    git(root, &arguments)
}

/// A checkout in a folder of its own, until it is dropped.
struct Checkout {
    root: PathBuf,
    folder: PathBuf,
}

impl Checkout {
    fn of(root: &Path, commit: &str) -> anyhow::Result<Self> {
        let git_folder = git(root, &["rev-parse", "--absolute-git-dir"])?;
        let folder = Path::new(&git_folder).join("upgrade");
        let checkout = Self {
            root: root.to_owned(),
            folder,
        };
        checkout.remove();
        let path = checkout.folder.to_string_lossy();
        git(
            root,
            &["worktree", "add", "--quiet", "--detach", &path, commit],
        )?;
        Ok(checkout)
    }

    fn remove(&self) {
        let path = self.folder.to_string_lossy();
        // There may be none, or one that an interrupted command left.
        let _ = git(&self.root, &["worktree", "remove", "--force", &path]);
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        self.remove();
    }
}

/// The versions that a changelog names, newest first.
fn versions(changelog: &str) -> impl Iterator<Item = &str> {
    changelog.lines().filter_map(|line| {
        let (version, _) = line.strip_prefix("## ")?.split_once(" - ")?;
        version
            .starts_with(|c: char| c.is_ascii_digit())
            .then_some(version)
    })
}

/// The sections of the versions after `old`, up to `new`.
fn between(page: &str, heading: &str, old: &str, new: &str) -> String {
    let mut is_shown = false;
    let mut shown = String::new();
    for line in page.lines() {
        if let Some(title) = line.strip_prefix(heading) {
            let version = title.split(' ').next().unwrap_or_default();
            is_shown = (is_shown || version == new) && version != old;
        } else if line.starts_with("## ") {
            is_shown = false;
        }
        if is_shown {
            shown.push_str(line);
            shown.push('\n');
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Changelog\n\n## Unreleased\n\n- u\n\n## 0.3.0 - 2026-01-03\n\n- c\n\n## 0.2.0 - 2026-01-02\n\n- b\n\n## 0.1.0 - 2026-01-01\n\n- a\n";

    #[test]
    fn the_versions_of_a_changelog_are_newest_first() {
        assert_eq!(
            versions(PAGE).collect::<Vec<_>>(),
            ["0.3.0", "0.2.0", "0.1.0"]
        );
    }

    #[test]
    fn the_sections_between_two_versions_are_those_after_the_old_one_up_to_the_new_one() {
        assert_eq!(
            between(PAGE, "## ", "0.1.0", "0.2.0"),
            "## 0.2.0 - 2026-01-02\n\n- b\n\n"
        );
        let both = "## 0.3.0 - 2026-01-03\n\n- c\n\n## 0.2.0 - 2026-01-02\n\n- b\n\n";
        assert_eq!(between(PAGE, "## ", "0.1.0", "0.3.0"), both);
    }
}
