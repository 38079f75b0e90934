//! `cargo dev remove PART`: a service goes on without a part of the template.

use std::path::Path;

use anyhow::ensure;
use conf::Conf;

use crate::{
    copy::{self, Copy},
    git::{commit, ensure_clean},
    part::{self, Left, Part},
    tree::Tree,
};

/// Removes a part of the template and all that names it, and commits that
#[derive(Conf, Debug)]
pub(crate) struct Remove {
    /// The part to remove
    #[conf(pos)]
    pub(crate) part: Option<String>,
}

pub(crate) fn run(remove: &Remove, root: &Path) -> anyhow::Result<()> {
    let mut tree = Tree::read(root)?;
    let Some(name) = &remove.part else {
        return list(&tree);
    };
    let part = Part::of(&tree, name)?;
    ensure_clean(root)?;
    let left = part::remove(&mut tree, &[part])?;
    if let Some(mut copy) = Copy::of(&tree)? {
        copy.removed.push(name.clone());
        copy.put(&mut tree)?;
    }
    tree.write()?;
    copy::update_lock_file(root)?;
    commit(root, &format!("Remove {name}"))?;
    println!("{name} is removed and that is committed. Undo it with: git revert HEAD");
    print_left(&left);
    println!("Now: cargo test");
    Ok(())
}

fn list(tree: &Tree) -> anyhow::Result<()> {
    let names = part::names(tree);
    ensure!(!names.is_empty(), "all parts are removed");
    for name in names {
        println!("{name:9}  {}", Part::of(tree, &name)?.about);
    }
    Ok(())
}

/// Says what a removal leaves for people to do.
pub(crate) fn print_left(left: &Left) {
    if !left.edits.is_empty() {
        println!("You changed these texts, so look at them yourself:");
        print_lines(&left.edits);
    }
    if !left.names.is_empty() {
        println!("These lines still name what was removed:");
        print_lines(&left.names);
    }
}

fn print_lines(lines: &[String]) {
    for line in lines {
        println!("  {line}");
    }
}
