//! `cargo dev init NAME`: a clone or a copy of the template becomes a service of its own.

use std::path::Path;

use anyhow::bail;
use conf::Conf;

use crate::{
    copy::{self, Copy},
    git::{all_or_nothing, commit, ensure_clean, git, join},
    name::Name,
    template::{commit_of, has_history},
    tree::{COPY, Tree},
};

/// Makes a fresh clone or copy of the template your own service, and commits that
#[derive(Conf, Debug)]
pub(crate) struct Init {
    /// The name of the service: words of a-z and 0-9 with - between them
    #[conf(pos)]
    pub(crate) name: String,

    /// Remove the sample: users, greetings and the welcome mail
    #[conf(long)]
    pub(crate) bare: bool,

    /// The parts to remove, with commas between them: `cargo dev remove --help` lists them
    #[conf(long)]
    pub(crate) without: Option<String>,

    /// Where the template is, as git takes it: the remote that you cloned, unless you say it here
    #[conf(long)]
    pub(crate) template: Option<String>,
}

pub(crate) fn run(init: &Init, root: &Path) -> anyhow::Result<String> {
    let name = Name::parse(&init.name)?;
    ensure_clean(root)?;
    let mut tree = Tree::read(root)?;
    if let Some(copy) = Copy::of(&tree)? {
        bail!("this is {} already: {COPY} says so", copy.name);
    }
    let mut removed = copy::parse_parts(init.without.as_deref(), &tree)?;
    if init.bare && !removed.iter().any(|part| part == "sample") {
        removed.push("sample".to_owned());
    }

    let version = copy::template_version(&tree)?;
    let cloned = cloned_from(root, &version)?;
    let template = init.template.clone().or_else(|| cloned.clone());
    let start = match (&template, &cloned) {
        (_, Some(_)) => git(root, &["rev-parse", "HEAD"])?,
        (Some(template), None) => commit_of(root, template, &version)?,
        (None, None) => String::new(),
    };
    let copy = Copy {
        name: init.name.clone(),
        template: template.unwrap_or_default(),
        version,
        commit: start.clone(),
        removed,
    };
    let left = all_or_nothing(root, || {
        let left = copy.make(&mut tree)?;
        tree.write()?;
        copy::update_lock_file(root)?;
        commit(root, &format!("Begin {}", name.title()))?;
        if cloned.is_none() && !start.is_empty() {
            // From now on `git log` and `git merge` know where the files come from.
            join(root, "Join the history of the template", &start)?;
        }
        Ok(left)
    })?;

    let mut said = format!(
        "{} began at the template's {}.\n{left}",
        name.title(),
        copy.version
    );
    if cloned.is_some() && url(root, "template").is_none() && url(root, "origin").is_some() {
        git(root, &["remote", "rename", "origin", "template"])?;
        said += "The remote `template` is where you cloned it. Yours: git remote add origin URL\n";
    }
    if copy.template.is_empty() {
        said +=
            "Nothing says where the template is: put it into .template.toml before you upgrade.\n";
    }
    Ok(said + "Now: cargo dev\n")
}

/// Where the template is, if this is a clone of it and not a copy of its files.
fn cloned_from(root: &Path, version: &str) -> anyhow::Result<Option<String>> {
    if let Some(template) = url(root, "template") {
        let branches = [
            "branch",
            "--remotes",
            "--contains",
            "HEAD",
            "--list",
            "template/*",
        ];
        return Ok((!git(root, &branches)?.is_empty()).then_some(template));
    }
    // A copy has an `origin` too, but not the history of a release.
    Ok(url(root, "origin").filter(|_| has_history(root, version).unwrap_or(false)))
}

/// The URL of a remote.
fn url(root: &Path, remote: &str) -> Option<String> {
    git(root, &["remote", "get-url", remote]).ok()
}
