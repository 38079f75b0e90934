//! The alert rules.

/// The names in the rules of `deploy/alerts.yml` that have the form of a metric's name.
pub fn names(rules: &str) -> impl Iterator<Item = &str> {
    let is_outside = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    let words = rules.split(is_outside);
    words.filter(|word| FAMILIES.iter().any(|family| word.starts_with(family)))
}

/// The prefixes of metrics' names.
const FAMILIES: [&str; 7] = [
    "database_",
    "heartbeat_",
    "http_",
    "job_",
    "log_",
    "process_",
    "queue_",
];
