//! Modules: the line that declares one goes with its file, and so does the line that makes its names public.

use crate::tree::Tree;

/// Removes `mod NAME;` and `pub use NAME::…;` of removed files from the files that declare modules of their folder.
pub(crate) fn undeclare(tree: &mut Tree, removed: &[String]) {
    for path in removed {
        let Some((folder, name)) = path
            .strip_suffix(".rs")
            .and_then(|path| path.rsplit_once('/'))
        else {
            continue;
        };
        let parents = [
            format!("{folder}.rs"),
            format!("{folder}/lib.rs"),
            format!("{folder}/main.rs"),
        ];
        for parent in parents {
            if let Some(text) = tree.text(&parent) {
                let without = without_module(text, name);
                tree.put(&parent, without);
            }
        }
    }
}

fn without_module(text: &str, name: &str) -> String {
    let declares = |line: &str| {
        let line = line.trim().trim_start_matches("pub(crate) ");
        let line = line.trim_start_matches("pub ");
        line == format!("mod {name};") || line.starts_with(&format!("use {name}::"))
    };
    let kept: Vec<&str> = text
        .split_inclusive('\n')
        .filter(|line| !declares(line))
        .collect();
    // Where a block of such lines is gone, one empty line is enough, and none at the end.
    let mut text = kept.concat();
    while text.contains("\n\n\n") {
        text = text.replace("\n\n\n", "\n\n");
    }
    format!("{}\n", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_that_declare_a_module_are_removed() {
        let text = "//! Tasks.\n\nmod a;\nmod send;\n\npub use send::Send;\n";
        assert_eq!(without_module(text, "send"), "//! Tasks.\n\nmod a;\n");
    }
}
