//! A part of the template that a service can do without, and how it is removed.
//!
//! What a part consists of stands in `dev/parts/NAME.toml`: its files, the texts that speak of it elsewhere,
//! and the words that nothing says any more when it is gone.

mod markdown;
mod modules;
#[cfg(test)]
mod tests;

use std::{fmt, path::Path};

use anyhow::{Context as _, bail};
use regex_lite::{Regex, RegexBuilder};
use serde::Deserialize;

use crate::{
    readme::{PAGE, README},
    tree::{COPY, Tree},
};

const FOLDER: &str = "dev/parts/";

/// These tell what was: they keep their words.
const HISTORY: [&str; 4] = [
    "CHANGELOG.md",
    "crates/CHANGELOG.md",
    "docs/upgrading.md",
    COPY,
];

/// A part, as its file describes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    #[serde(skip)]
    pub(crate) name: String,
    /// What it is, for a list of parts.
    pub(crate) about: String,
    /// A regular expression for the words that name it, in any case.
    names: String,
    /// Its files, and its folders with a `/` at the end.
    files: Vec<String>,
    /// Files, and folders with a `/` at the end, that may go on naming it.
    #[serde(default)]
    keep: Vec<String>,
    /// What speaks of it in files that stay.
    #[serde(default)]
    edits: Vec<Edit>,
}

/// A text that stands once in a file, and what takes its place.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    file: String,
    /// The text, or where it begins.
    cut: String,
    /// What follows the text, if it is too long to stand here: the nearest of these, of which "" is the end.
    #[serde(default)]
    until: Vec<String>,
    #[serde(default)]
    put: String,
    /// Only while the service has this other part.
    with: Option<String>,
}

impl Edit {
    /// The file's text after the edit, if it has what is to be cut.
    fn apply(&self, text: &str) -> Option<String> {
        let start = text.find(&self.cut)?;
        let mut end = start + self.cut.len();
        if !self.until.is_empty() {
            let rest = &text[end..];
            let found = self.until.iter().filter_map(|until| match until.as_str() {
                "" => Some(rest.len()),
                until => rest.find(until),
            });
            end += found.min()?;
        }
        Some(format!("{}{}{}", &text[..start], self.put, &text[end..]))
    }
}

/// What a removal leaves for people to do.
#[derive(Default)]
pub(crate) struct Left {
    /// Texts that should have been removed, and were not found as the template has them.
    pub(crate) edits: Vec<String>,
    /// Lines that still name the part, as `file:line: text`.
    pub(crate) names: Vec<String>,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = [
            (
                "You changed these texts, so look at them yourself:",
                &self.edits,
            ),
            ("These lines still name what was removed:", &self.names),
        ];
        for (what, lines) in lists.iter().filter(|(_, lines)| !lines.is_empty()) {
            writeln!(f, "{what}\n  {}", lines.join("\n  "))?;
        }
        Ok(())
    }
}

impl Part {
    /// The part of this name in a tree.
    pub(crate) fn of(tree: &Tree, name: &str) -> anyhow::Result<Self> {
        let path = list_of(name);
        let Some(text) = tree.text(&path) else {
            let names = names(tree).join(", ");
            bail!("there is no part {name:?}, only {names}");
        };
        let part: Self = toml::from_str(text).with_context(|| path)?;
        let name = name.to_owned();
        Ok(Self { name, ..part })
    }

    /// Removes the texts that speak of it.
    fn edit(&self, tree: &mut Tree, left: &mut Left) {
        for edit in &self.edits {
            let is_needed = |with: &String| tree.has(&list_of(with));
            if !edit.with.as_ref().is_none_or(is_needed) {
                continue;
            }
            // In a service, the README of the template is a page of the docs.
            let file = match edit.file.as_str() {
                README if tree.has(PAGE) => PAGE,
                file => file,
            };
            // A file that is gone, perhaps with another part, needs no edit.
            let Some(text) = tree.text(file) else {
                continue;
            };
            match edit.apply(text) {
                Some(text) => tree.put(file, text),
                None => left.edits.push(format!("{file}: {:?}", edit.cut)),
            }
        }
    }

    /// Removes the rows and items of pages that name it.
    fn strip_pages(&self, tree: &mut Tree, names: &Regex) {
        for page in tree.paths() {
            if is_page(&page)
                && !self.may_name(&page)
                && let Some(text) = tree.text(&page)
            {
                let without = markdown::without(text, names);
                tree.put(&page, without);
            }
        }
    }

    fn names(&self) -> anyhow::Result<Regex> {
        RegexBuilder::new(&self.names)
            .case_insensitive(true)
            .build()
            .with_context(|| format!("{}: names", list_of(&self.name)))
    }

    fn may_name(&self, path: &str) -> bool {
        HISTORY.contains(&path)
            || path.starts_with(FOLDER)
            || path.ends_with("Cargo.lock")
            || is_in(path, &self.keep)
    }

    fn named_in(&self, tree: &Tree, names: &Regex) -> Vec<String> {
        let mut found = Vec::new();
        for (path, text) in tree.texts().filter(|(path, _)| !self.may_name(path)) {
            if names.is_match(path) {
                found.push(path.to_owned());
            }
            for (number, line) in text.lines().enumerate() {
                if names.is_match(line) {
                    found.push(format!("{path}:{}: {}", number + 1, line.trim()));
                }
            }
        }
        found
    }
}

/// Removes parts: their files, the lines that declare their modules, the texts that speak of them, and what a page says
/// of them in a row of a table or in an item of a list.
pub(crate) fn remove(tree: &mut Tree, parts: &[Part]) -> anyhow::Result<Left> {
    let is_of_one = |path: &String| {
        let is_of = |part: &Part| is_in(path, &part.files) || *path == list_of(&part.name);
        parts.iter().any(is_of)
    };
    let gone: Vec<String> = tree.paths().into_iter().filter(is_of_one).collect();
    for path in &gone {
        tree.remove(path);
    }
    modules::undeclare(tree, &gone);
    let mut left = Left::default();
    for part in parts {
        part.edit(tree, &mut left);
    }
    for part in parts {
        let names = part.names()?;
        part.strip_pages(tree, &names);
        left.names.extend(part.named_in(tree, &names));
    }
    Ok(left)
}

/// The file that says what a part consists of.
fn list_of(name: &str) -> String {
    format!("{FOLDER}{name}.toml")
}

/// The names of the parts that a tree has.
pub(crate) fn names(tree: &Tree) -> Vec<String> {
    let name = |path: String| {
        let name = path.strip_prefix(FOLDER)?.strip_suffix(".toml")?;
        Some(name.to_owned())
    };
    tree.paths().into_iter().filter_map(name).collect()
}

fn is_page(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|it| it == "md")
}

/// Whether a list of files, and of folders with a `/` at the end, has a path.
fn is_in(path: &str, list: &[String]) -> bool {
    list.iter()
        .any(|entry| entry == path || (entry.ends_with('/') && path.starts_with(entry)))
}
