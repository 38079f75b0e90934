//! `cargo dev remove PART`: a service goes on without a part of the template.

use std::path::Path;

use anyhow::ensure;
use conf::Conf;

use crate::{
    copy::{self, Copy},
    git::{all_or_nothing, commit, ensure_clean},
    part::{self, Part},
    tree::Tree,
};

/// Removes a part of the template and all that names it, and commits that
#[derive(Conf, Debug)]
pub(crate) struct Remove {
    /// The part to remove
    #[conf(pos)]
    pub(crate) part: Option<String>,
}

pub(crate) fn run(remove: &Remove, root: &Path) -> anyhow::Result<String> {
    let mut tree = Tree::read(root)?;
    let Some(name) = &remove.part else {
        return list(&tree);
    };
    let part = Part::of(&tree, name)?;
    ensure_clean(root)?;
    let left = all_or_nothing(root, || {
        let left = part::remove(&mut tree, &[part])?;
        if let Some(mut copy) = Copy::of(&tree)? {
            copy.removed.push(name.clone());
            copy.put(&mut tree)?;
        }
        tree.write()?;
        copy::update_lock_file(root)?;
        commit(root, &format!("Remove {name}"))?;
        Ok(left)
    })?;
    Ok(format!(
        "{name} is removed and that is committed. Undo it with: git revert HEAD\n{left}Now: cargo test\n"
    ))
}

fn list(tree: &Tree) -> anyhow::Result<String> {
    let names = part::names(tree);
    ensure!(!names.is_empty(), "all parts are removed");
    let line = |name: &String| Ok(format!("{name:9}  {}\n", Part::of(tree, name)?.about));
    names.iter().map(line).collect()
}
