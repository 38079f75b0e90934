//! A file of the documentation that is generated in part.

use std::{fs, path::PathBuf};

pub struct Page {
    name: &'static str,
    path: PathBuf,
    text: String,
}

impl Page {
    /// A file by its path from the root. A missing one is empty.
    pub fn of(name: &'static str) -> Self {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .join(name);
        let text = fs::read_to_string(&path).unwrap_or_default();
        Self { name, path, text }
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The page with its first table replaced by this one.
    pub fn with_table(&self, table: &str) -> String {
        let is_row = |line: &&str| line.starts_with('|');
        let before = self.text.lines().take_while(|line| !is_row(line));
        let after = self.text.lines().skip_while(|line| !is_row(line));
        let after = after.skip_while(is_row);
        let lines = before.chain(table.lines()).chain(after);
        lines.fold(String::new(), |text, line| text + line + "\n")
    }

    /// Asserts that the page has this text, or writes it with `UPDATE_DOCS`.
    pub fn is(&self, expected: &str) {
        if std::env::var_os("UPDATE_DOCS").is_some() {
            return fs::write(&self.path, expected).unwrap();
        }
        let lines_of = |text: &str, not_in: &str, sign| {
            let others: Vec<&str> = not_in.lines().collect();
            let lines = text.lines().filter(|line| !others.contains(line));
            lines.fold(String::new(), |text, line| text + sign + line + "\n")
        };
        assert!(
            self.text == expected,
            "{} does not say what the code does. UPDATE_DOCS=1 cargo test -p e2e --test documentation \
             changes these lines, or their order:\n{}{}",
            self.name,
            lines_of(&self.text, expected, "- "),
            lines_of(expected, &self.text, "+ "),
        );
    }
}
