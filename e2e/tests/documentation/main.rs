//! What is written about the settings is what the code says.
//!
//! `UPDATE_DOCS=1 cargo test -p e2e --test documentation` writes it anew.

#![allow(clippy::unwrap_used, unreachable_pub)]

mod page;
mod settings;

use page::Page;

#[test]
fn the_example_of_an_environment_names_every_variable_with_its_default() {
    let page = Page::of(".env.example");
    page.is(&settings::environment(&settings::all()));
}

#[test]
fn the_table_of_settings_has_every_variable_with_its_default() {
    let page = Page::of("docs/settings.md");
    let text = page.with_table(&settings::table_of(&settings::all()));
    page.is(&text);
}
