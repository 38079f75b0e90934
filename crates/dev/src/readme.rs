//! The first page of a service. The template's becomes `docs/template.md`.

use anyhow::Context as _;

use crate::tree::Tree;

pub(crate) const README: &str = "README.md";
pub(crate) const PAGE: &str = "docs/template.md";
const NEW: &str = "dev/readme.md";
const TITLE: &str = "# The template of this service";

/// Moves the template's README to the docs, and begins one of the service's own.
pub(crate) fn replace(tree: &mut Tree) -> anyhow::Result<()> {
    let page = tree.text(README).context(README)?;
    let (_, body) = page.split_once('\n').context("README.md is empty")?;
    let page = format!("{TITLE}\n{}", moved(body));
    let readme = tree.text(NEW).context(NEW)?.to_owned();
    tree.put(PAGE, page);
    tree.put(README, readme);
    Ok(())
}

/// The page with links that lead to the same places from a folder deeper.
fn moved(page: &str) -> String {
    let mut moved = String::with_capacity(page.len());
    let mut parts = page.split("](");
    moved.push_str(parts.next().unwrap_or_default());
    for part in parts {
        moved.push_str("](");
        let stays = ["#", "http:", "https:"]
            .iter()
            .any(|start| part.starts_with(start));
        match part.strip_prefix("docs/") {
            Some(in_docs) => moved.push_str(in_docs),
            None if stays => moved.push_str(part),
            None => {
                moved.push_str("../");
                moved.push_str(part);
            }
        }
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_the_same_places() {
        let page = "[a](docs/a.md#x) ![b](docs/images/b.png) [c](crates/c/README.md) [d](#d) [e](https://e.org)";
        let expected =
            "[a](a.md#x) ![b](images/b.png) [c](../crates/c/README.md) [d](#d) [e](https://e.org)";
        assert_eq!(moved(page), expected);
    }
}
