//! The name of a service, and where the template's stands.

use anyhow::ensure;

use crate::{
    tree::{COPY, Tree},
    words::{capitals, ensure_words},
};

/// The template's name as a title and as a word, which are all its forms. Not one word here, so that a copy's own
/// name does not replace it.
const TITLE: &str = concat!("Bare", " Necessities");
const WORD: &str = concat!("bare", "-necessities");

/// A name as a word, such as `my-service`.
pub(crate) struct Name(String);

impl Name {
    pub(crate) fn parse(name: &str) -> anyhow::Result<Self> {
        ensure_words(name, '-', "my-service")?;
        ensure!(name != WORD, "{name:?} is the name of the template");
        Ok(Self(name.to_owned()))
    }

    pub(crate) fn word(&self) -> &str {
        &self.0
    }

    /// The name for people: `My Service`.
    pub(crate) fn title(&self) -> String {
        capitals(&self.0, '-').join(" ")
    }

    /// Puts it where the template's name stands, except in the engine, the licences and the notes on upgrading.
    pub(crate) fn give(&self, tree: &mut Tree) {
        for path in tree.paths() {
            if is_of_the_template(&path) {
                continue;
            }
            let Some(text) = tree.text(&path) else {
                continue;
            };
            if text.contains(TITLE) || text.contains(WORD) {
                let renamed = text
                    .replace(TITLE, &self.title())
                    .replace(WORD, self.word());
                tree.put(&path, renamed);
            }
        }
    }
}

/// Whether a file keeps the template's name.
fn is_of_the_template(path: &str) -> bool {
    path.starts_with("crates/")
        || path.starts_with("LICENSE")
        || path == "docs/upgrading.md"
        || path == COPY
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_template_s_own_name_is_refused() {
        assert!(Name::parse(WORD).is_err());
    }

    #[test]
    fn the_title_has_capital_letters_and_spaces() {
        assert_eq!(Name::parse("my-web2-api").unwrap().title(), "My Web2 Api");
    }
}
