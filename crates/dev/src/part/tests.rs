//! Each part, and all together, are removed from this tree in memory.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::readme;

/// The template's files. `None` in a service, which has its own, and where there is no repository.
fn template() -> Option<Tree> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tree = Tree::read(&root).ok()?;
    (!tree.has(COPY)).then_some(tree)
}

/// Removes a part, of which nothing is left then.
fn removed(tree: &Tree, name: &str) -> Tree {
    let mut without = tree.clone();
    let part = Part::of(tree, name).unwrap();
    let left = remove(&mut without, &[part]).unwrap();
    assert!(
        left.edits.is_empty(),
        "{name}: not in the file: {:#?}",
        left.edits
    );
    assert!(
        left.names.is_empty(),
        "{name}: still named: {:#?}",
        left.names
    );
    without
}

#[test]
fn nothing_names_a_part_that_was_removed() {
    let Some(tree) = template() else { return };
    for name in names(&tree) {
        removed(&tree, &name);
    }
}

#[test]
fn nothing_names_a_part_that_a_service_removes_later() {
    let Some(mut tree) = template() else { return };
    readme::replace(&mut tree).unwrap();
    for name in names(&tree) {
        removed(&tree, &name);
    }
}

#[test]
fn every_file_and_folder_of_a_part_is_there() {
    let Some(tree) = template() else { return };
    for name in names(&tree) {
        let part = Part::of(&tree, &name).unwrap();
        for file in part.files.iter().chain(&part.keep) {
            let is_there = tree
                .paths()
                .iter()
                .any(|path| is_in(path, std::slice::from_ref(file)));
            assert!(is_there, "{name}: there is no {file}");
        }
    }
}

#[test]
fn parts_can_be_removed_one_after_the_other_in_any_order() {
    let Some(tree) = template() else { return };
    let forward = names(&tree);
    let backward: Vec<String> = forward.iter().rev().cloned().collect();
    for order in [forward, backward] {
        let none = order
            .iter()
            .fold(tree.clone(), |tree, name| removed(&tree, name));
        assert_eq!(names(&none), [""; 0]);
    }
}

#[test]
fn parts_can_be_removed_together() {
    let Some(mut tree) = template() else { return };
    let parts = names(&tree)
        .into_iter()
        .map(|name| Part::of(&tree, &name).unwrap());
    let parts: Vec<Part> = parts.collect();
    let left = remove(&mut tree, &parts).unwrap();
    assert!(left.edits.is_empty(), "{:#?}", left.edits);
    assert!(left.names.is_empty(), "{:#?}", left.names);
}

#[test]
fn a_new_file_that_names_a_part_is_found() {
    let Some(mut tree) = template() else { return };
    let name = names(&tree).remove(0);
    tree.put("web/src/new.rs", format!("// {name}\n"));
    let part = Part::of(&tree, &name).unwrap();
    let left = remove(&mut tree, &[part]).unwrap();
    assert_eq!(left.names, [format!("web/src/new.rs:1: // {name}")]);
}

#[test]
fn a_text_that_the_owner_changed_is_listed_and_stays() {
    let Some(mut tree) = template() else { return };
    let name = names(&tree).remove(0);
    let part = Part::of(&tree, &name).unwrap();
    let edit = &part.edits[0];
    let file = edit.file.clone();
    let changed = tree.text(&edit.file).unwrap().replace(&edit.cut, "mine\n");
    tree.put(&file, changed.clone());
    let left = remove(&mut tree, &[part]).unwrap();
    assert_eq!(left.edits.len(), 1);
    assert!(left.edits[0].starts_with(&file));
    assert_eq!(tree.text(&file), Some(&*changed));
}

#[test]
fn an_unknown_part_is_an_error_that_lists_the_parts() {
    let Some(tree) = template() else { return };
    let error = Part::of(&tree, "nothing").err().unwrap().to_string();
    assert!(
        error.starts_with("there is no part \"nothing\", only "),
        "{error}"
    );
}
