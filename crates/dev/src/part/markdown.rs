//! Pages: a row of a table, an item of a list, or a link among others that names a part goes with it.

use regex_lite::Regex;

/// The page without the rows and items that match. What stands in a block of code stays.
pub(crate) fn without(page: &str, names: &Regex) -> String {
    let mut kept = String::with_capacity(page.len());
    let mut is_code = false;
    for block in blocks(page) {
        let is_fence = block.trim_start().starts_with("```");
        is_code ^= is_fence;
        // Links on lines of their own, with a dot between them.
        let is_link = block.trim_end().ends_with(") ·");
        let is_row = block.starts_with('|') || is_item(block) || is_link;
        if is_code || is_fence || !is_row || !names.is_match(block) {
            kept.push_str(block);
        }
    }
    kept
}

fn is_item(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("- ") || line.starts_with("* ")
}

/// The lines, of which those that go on with an item are one with it.
fn blocks(page: &str) -> Vec<&str> {
    let mut blocks: Vec<&str> = Vec::new();
    let mut start = 0;
    let mut end = 0;
    let mut in_item = false;
    for line in page.split_inclusive('\n') {
        let goes_on =
            in_item && line.starts_with("  ") && !is_item(line) && !line.trim().starts_with("```");
        if !goes_on && end > start {
            blocks.push(&page[start..end]);
            start = end;
        }
        in_item = goes_on || is_item(line);
        end += line.len();
    }
    blocks.push(&page[start..]);
    blocks
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_row_and_an_item_that_name_it_are_removed_with_their_further_lines() {
        let page = "# Page\n\n| a | row |\n| boat | row |\n\n- an item\n- the boat,\n  which goes on\n- last\n\nThe boat stays here.\n";
        let expected = "# Page\n\n| a | row |\n\n- an item\n- last\n\nThe boat stays here.\n";
        assert_eq!(without(page, &Regex::new("boat").unwrap()), expected);
    }

    #[test]
    fn a_block_of_code_is_not_changed() {
        let page = "```text\n| boat |\n- boat\n```\n";
        assert_eq!(without(page, &Regex::new("boat").unwrap()), page);
    }
}
