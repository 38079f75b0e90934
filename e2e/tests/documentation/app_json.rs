//! The defaults that Heroku's `app.json` repeats.

use serde_json::Value;

use crate::{page::Page, settings};

#[test]
fn defaults_in_app_json_are_those_of_the_settings() {
    let app: Value = serde_json::from_str(Page::of("app.json").text()).unwrap();
    let variables = app["env"].as_object().unwrap().iter();
    let values =
        variables.filter_map(|(name, variable)| Some((&**name, variable["value"].as_str()?)));
    settings::are_defaults("app.json", values);
}
