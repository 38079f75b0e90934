//! The defaults that files of platforms repeat.

use serde_json::Value;

/// The values of `app.json`, by variable.
pub fn app_json(text: &str) -> Vec<(String, String)> {
    let app: Value = serde_json::from_str(text).unwrap();
    let variables = app["env"].as_object().unwrap().iter();
    let values = variables.filter_map(|(name, variable)| {
        let value = variable["value"].as_str()?;
        Some((name.clone(), value.to_owned()))
    });
    values.collect()
}

/// The values of `docker-compose.yml` that are written as `${NAME:-value}`, by variable.
pub fn compose(text: &str) -> Vec<(String, String)> {
    let values = text.split("${").skip(1).filter_map(|rest| {
        let (name, rest) = rest.split_once(":-")?;
        let (value, _) = rest.split_once('}')?;
        Some((name.to_owned(), value.to_owned()))
    });
    values.collect()
}
