//! New files, and lines in those that are there: all of them or none.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};

use crate::service::cargo;

/// What a command writes.
pub(super) struct Change {
    root: PathBuf,
    files: BTreeMap<String, String>,
    /// What is left to do, by the file where it is done.
    left: Vec<(String, String)>,
}

impl Change {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            files: BTreeMap::new(),
            left: Vec::new(),
        }
    }

    /// The text of a file, with what this command has changed so far.
    pub(super) fn read(&self, path: &str) -> anyhow::Result<String> {
        match self.files.get(path) {
            Some(text) => Ok(text.clone()),
            None => fs::read_to_string(self.root.join(path)).with_context(|| path.to_owned()),
        }
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.files.contains_key(path) || self.root.join(path).exists()
    }

    /// A new file. One that is there is not overwritten.
    pub(super) fn create(&mut self, path: &str, text: String) -> anyhow::Result<()> {
        ensure!(!self.has(path), "there is already a file {path}");
        self.files.insert(path.to_owned(), text);
        Ok(())
    }

    /// Changes a file that is there.
    pub(super) fn edit(
        &mut self,
        path: &str,
        edit: impl FnOnce(&str) -> Option<String>,
    ) -> anyhow::Result<()> {
        let text = self.read(path)?;
        let edited = edit(&text).with_context(|| {
            format!("{path} does not have the expected form: add the line yourself")
        })?;
        self.files.insert(path.to_owned(), edited);
        Ok(())
    }

    /// Declares a module after the others.
    pub(super) fn declare(&mut self, path: &str, line: &str) -> anyhow::Result<()> {
        self.edit(path, |text| Some(with_module(text, line)))
    }

    /// Says what is left to do in a file.
    pub(super) fn leave(&mut self, path: &str, what: &str) {
        self.left.push((path.to_owned(), what.to_owned()));
    }

    /// Writes all of it, formatted, and returns what is left to do.
    pub(super) fn finish(&self) -> anyhow::Result<String> {
        for (path, text) in &self.files {
            let file = self.root.join(path);
            if let Some(folder) = file.parent() {
                fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
            }
            fs::write(&file, text).with_context(|| path.clone())?;
        }
        let mut format = cargo(&self.root);
        let formatted = format.args(["fmt", "--all"]).output();
        if !formatted.is_ok_and(|output| output.status.success()) {
            eprintln!("cargo fmt failed: format the files yourself");
        }
        let lines = self
            .left
            .iter()
            .map(|(path, what)| format!("{path}  {what}\n"));
        Ok(lines.collect())
    }
}

/// The text with one more line of `mod`, in its place by the alphabet, or where modules are declared.
fn with_module(text: &str, line: &str) -> String {
    let is_module = |line: &str| {
        let line = line
            .trim_start_matches("pub(crate) ")
            .trim_start_matches("pub ");
        line.starts_with("mod ") && line.ends_with(';')
    };
    let mut lines: Vec<&str> = text.lines().collect();
    let modules: Vec<usize> = (0..lines.len()).filter(|i| is_module(lines[*i])).collect();
    match (modules.iter().find(|i| lines[**i] > line), modules.last()) {
        (Some(next), _) => lines.insert(*next, line),
        (None, Some(last)) => lines.insert(last + 1, line),
        (None, None) => {
            // After the comments and attributes of the file.
            let mut depth = 0;
            let head = lines.iter().position(|line| {
                let is_head = depth > 0
                    || line.starts_with("//!")
                    || line.starts_with("#![")
                    || line.is_empty();
                depth += line.matches('[').count();
                depth -= line.matches(']').count().min(depth);
                !is_head
            });
            let head = head.unwrap_or(lines.len());
            lines.splice(head..head, [line, ""]);
        }
    }
    format!("{}\n", lines.join("\n").trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_declared_in_its_place() {
        let list = "//! List.\n\nmod a;\nmod c;\n\nuse a::A;\n";
        assert_eq!(
            with_module(list, "mod b;"),
            "//! List.\n\nmod a;\nmod b;\nmod c;\n\nuse a::A;\n"
        );
        assert_eq!(
            with_module(list, "mod d;"),
            "//! List.\n\nmod a;\nmod c;\nmod d;\n\nuse a::A;\n"
        );
    }

    #[test]
    fn the_first_module_is_declared_after_the_head_of_the_file() {
        let list = "//! List.\n\n#![allow(\n    lint,\n    reason = \"x\"\n)]\n\nuse it;\n";
        let expected =
            "//! List.\n\n#![allow(\n    lint,\n    reason = \"x\"\n)]\n\nmod a;\n\nuse it;\n";
        assert_eq!(with_module(list, "mod a;"), expected);
        assert_eq!(with_module("//! List.\n", "mod a;"), "//! List.\nmod a;\n");
    }
}
