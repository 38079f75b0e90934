//! `cargo dev init NAME`: a clone or a copy of the template becomes a service of its own.

use std::path::Path;

use anyhow::bail;
use conf::Conf;

use crate::{
    copy::{self, Copy},
    git::{asks, commit, ensure_clean, git},
    name::Name,
    remove,
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

pub(crate) fn run(init: &Init, root: &Path) -> anyhow::Result<()> {
    let name = Name::parse(&init.name)?;
    ensure_clean(root)?;
    let mut tree = Tree::read(root)?;
    if let Some(copy) = Copy::of(&tree)? {
        bail!("this is {} already: {} says so", copy.name, COPY);
    }
    let mut removed = copy::parse_parts(init.without.as_deref(), &tree)?;
    if init.bare && !removed.iter().any(|part| part == "sample") {
        removed.push("sample".to_owned());
    }

    let version = copy::template_version(&tree)?;
    let is_clone = has_history(root, &version)?;
    let remote = init
        .template
        .clone()
        .or_else(|| is_clone.then(|| remote_of(root))?);
    let start = git(root, &["rev-parse", "HEAD"])?;
    let commit_of_template = match (&remote, is_clone) {
        (_, true) => start.clone(),
        (Some(template), false) => commit_of(root, template, &version)?,
        (None, false) => String::new(),
    };
    let copy = Copy {
        name: init.name.clone(),
        template: remote.clone().unwrap_or_default(),
        version,
        commit: commit_of_template.clone(),
        removed,
    };
    let left = copy.make(&mut tree)?;
    tree.write()?;
    copy::update_lock_file(root)?;
    commit(root, &format!("Begin {}", name.title()))?;
    if !is_clone && !commit_of_template.is_empty() {
        // From now on `git log` and `git merge` know where the files come from.
        git(
            root,
            &[
                "merge",
                "--quiet",
                "--strategy=ours",
                "--allow-unrelated-histories",
                "--message=Join the history of the template",
                &commit_of_template,
            ],
        )?;
    }

    println!("{} began at the template's {}.", name.title(), copy.version);
    remove::print_left(&left);
    if is_clone
        && asks(root, &["remote", "get-url", "origin"])
        && !asks(root, &["remote", "get-url", "template"])
    {
        git(root, &["remote", "rename", "origin", "template"])?;
        println!("The remote `template` is where you cloned it. Yours: git remote add origin URL");
    }
    if copy.template.is_empty() {
        println!("Nothing says where the template is: put it into {COPY} before you upgrade.");
    }
    println!("Now: cargo dev");
    Ok(())
}

fn remote_of(root: &Path) -> Option<String> {
    let url = |name| git(root, &["remote", "get-url", name]).ok();
    url("template").or_else(|| url("origin"))
}
