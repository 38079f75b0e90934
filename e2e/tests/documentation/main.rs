//! The documentation of settings and metrics is generated from the code.
//!
//! `UPDATE_DOCS=1 cargo test -p e2e --test documentation` updates it.

#![allow(clippy::unwrap_used, unreachable_pub)]

mod alerts;
mod metrics;
mod page;
mod platforms;
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

#[test]
fn defaults_in_the_files_of_platforms_are_those_of_the_settings() {
    // If a platform needs another value than the default, its file says why.
    const OTHERS: [&str; 2] = ["DATABASE_POOL_SIZE", "SMTP_URL"];

    let settings = settings::all();
    let app_json = platforms::app_json(Page::of("app.json").text());
    let compose = platforms::compose(Page::of("docker-compose.yml").text());
    for (file, values) in [("app.json", app_json), ("docker-compose.yml", compose)] {
        let mut compared = 0;
        for (name, value) in values {
            let setting = settings.iter().find(|setting| setting.name == name);
            if let Some(setting) = setting.filter(|_| !OTHERS.contains(&&*name)) {
                let default = setting.default.as_deref().unwrap_or_default();
                assert_eq!(value, default, "{name} in {file}");
                compared += 1;
            }
        }
        assert!(compared > 0, "{file} repeats no default");
    }
}
