//! The defaults that `docker-compose.yml` repeats.

use crate::{page::Page, settings};

#[test]
fn defaults_in_docker_compose_are_those_of_the_settings() {
    let page = Page::of("docker-compose.yml");
    // They are written as `${NAME:-value}`.
    let values = page.text().split("${").skip(1).filter_map(|rest| {
        let (name, rest) = rest.split_once(":-")?;
        let (value, _) = rest.split_once('}')?;
        Some((name, value))
    });
    settings::are_defaults("docker-compose.yml", values);
}
