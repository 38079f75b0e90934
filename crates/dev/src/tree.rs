//! The files of a service, changed in memory and written at once: a change that fails leaves nothing behind.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::git::git;

/// Where a service says which template it comes from.
pub(crate) const COPY: &str = ".template.toml";

/// The text files of a folder that git tracks or would track. Other files can only be removed.
#[derive(Clone)]
pub(crate) struct Tree {
    root: PathBuf,
    before: BTreeMap<String, Content>,
    after: BTreeMap<String, Content>,
}

#[derive(Clone, PartialEq)]
enum Content {
    Text(String),
    Binary,
}

impl Tree {
    pub(crate) fn read(root: &Path) -> anyhow::Result<Self> {
        let mut files = BTreeMap::new();
        let listed = [
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ];
        for path in git(root, &listed)?.split_terminator('\0') {
            let file = root.join(path);
            let content = match fs::read(&file) {
                Ok(bytes) => String::from_utf8(bytes).map_or(Content::Binary, Content::Text),
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error).with_context(|| file.display().to_string()),
            };
            files.insert(path.to_owned(), content);
        }
        Ok(Self {
            root: root.to_owned(),
            before: files.clone(),
            after: files,
        })
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.after.keys().cloned().collect()
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.after.contains_key(path)
    }

    /// The file's text, if there is such a file and it is text.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        match self.after.get(path)? {
            Content::Text(text) => Some(text),
            Content::Binary => None,
        }
    }

    /// All files with a text.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.after
            .iter()
            .filter_map(|(path, content)| match content {
                Content::Text(text) => Some((path.as_str(), text.as_str())),
                Content::Binary => None,
            })
    }

    pub(crate) fn put(&mut self, path: &str, text: impl Into<String>) {
        self.after
            .insert(path.to_owned(), Content::Text(text.into()));
    }

    pub(crate) fn remove(&mut self, path: &str) {
        self.after.remove(path);
    }

    /// Writes what has changed.
    pub(crate) fn write(&self) -> anyhow::Result<()> {
        for path in self.before.keys().filter(|path| !self.has(path)) {
            let file = self.root.join(path);
            fs::remove_file(&file).with_context(|| file.display().to_string())?;
            remove_empty_folders(&self.root, &file);
        }
        for (path, content) in &self.after {
            let Content::Text(text) = content else {
                continue;
            };
            if self.before.get(path) != Some(content) {
                let file = self.root.join(path);
                let folder = file.parent().unwrap_or(&self.root);
                fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
                fs::write(&file, text).with_context(|| file.display().to_string())?;
            }
        }
        Ok(())
    }
}

/// git tracks no folders, so an empty one would only be in the way.
fn remove_empty_folders(root: &Path, file: &Path) {
    let folders = file
        .ancestors()
        .skip(1)
        .take_while(|folder| *folder != root);
    for folder in folders {
        if fs::remove_dir(folder).is_err() {
            break;
        }
    }
}
