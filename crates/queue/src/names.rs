//! What queues, tasks and unique keys may be called. A job that breaks a rule is not enqueued, because
//! no worker could serve it, or the database would refuse it later.

use sea_orm::DbErr;

/// The rule for the name of a queue or task, for an error.
pub(crate) const NAME_RULE: &str = "1 to 100 letters, digits, `_`, `-` and `.`";

/// The longest unique key, in bytes. It is part of an index, whose rows PostgreSQL limits to 2,704
/// bytes.
pub(crate) const KEY_LIMIT: usize = 1000;

/// Whether a queue or task may have this name. It is safe in settings, metrics, notifications and
/// on a terminal.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
}

/// Checks the names and the key of a new job.
pub(crate) fn check(kind: &str, queue: &str, unique_key: Option<&str>) -> Result<(), DbErr> {
    let refuse = |reason| Err(DbErr::Custom(reason));
    if !is_name(kind) {
        return refuse(format!("{kind:?} is no name of a task: it has {NAME_RULE}"));
    }
    if !is_name(queue) {
        return refuse(format!(
            "{queue:?} is no name of a queue: it has {NAME_RULE}"
        ));
    }
    match unique_key {
        Some(key) if key.len() > KEY_LIMIT => refuse(format!(
            "the unique key of {kind} has {} bytes, more than {KEY_LIMIT}",
            key.len()
        )),
        Some(key) if key.contains('\0') => {
            refuse(format!("the unique key of {kind} has a null character"))
        }
        _ => Ok(()),
    }
}
