//! What a side's process is given, and how it answers.

use serde::Serialize;

/// What a process of ours finds in its environment.
pub type Variables = Vec<(String, String)>;

pub fn variables(list: &[(&str, &str)]) -> Variables {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    list.iter().map(owned).collect()
}

/// The settings of a process that finds these and those.
pub fn settings<T: conf::Conf>(these: &[(&str, &str)], those: &Variables) -> T {
    let those = those
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let all: Vec<(&str, &str)> = these.iter().copied().chain(those).collect();
    bare_testkit::settings("race", &all)
}

/// Says something to the race, on stderr.
pub fn say(something: &impl Serialize) -> anyhow::Result<()> {
    eprintln!("{}", serde_json::to_string(something)?);
    Ok(())
}
