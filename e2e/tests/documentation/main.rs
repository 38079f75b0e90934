//! The documentation of settings and metrics is generated from the code.
//!
//! `UPDATE_DOCS=1 cargo test -p e2e --test documentation` updates it.

#![allow(clippy::unwrap_used, unreachable_pub)]

mod alerts;
mod app_json;
mod compose;
mod metrics;
mod page;
mod settings;

use page::Page;

#[test]
fn the_example_environment_has_every_variable_with_its_default() {
    let page = Page::of(".env.example");
    page.is(&settings::environment(&settings::all()));
}

#[test]
fn the_table_of_settings_has_every_variable_with_its_default() {
    let page = Page::of("docs/settings.md");
    let text = page.with_table(&settings::table_of(&settings::all()));
    page.is(&text);
}

#[test]
fn the_table_of_metrics_has_every_metric() {
    let page = Page::of("docs/metrics.md");
    let text = page.with_table(&metrics::table());
    page.is(&text);
}

#[test]
fn the_alert_rules_use_only_existing_metrics() {
    let page = Page::of("deploy/alerts.yml");
    let listed: Vec<&str> = metrics::all().map(|metric| metric.name).collect();
    let mut used = alerts::names(page.text()).peekable();
    assert!(used.peek().is_some());
    for name in used {
        assert!(listed.contains(&name), "there is no metric {name}");
    }
}
