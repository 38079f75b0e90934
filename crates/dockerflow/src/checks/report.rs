//! The body of `/__heartbeat__`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Finding, Level};

/// What the checks found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The worst level of all checks.
    pub status: Level,
    /// The level of each check.
    pub checks: BTreeMap<String, Level>,
    /// Details of the checks that are not ok.
    pub details: BTreeMap<String, Detail>,
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Detail {
    /// The worst level of its findings.
    pub status: Level,
    /// The same as a number, see [`Level::number`].
    pub level: u8,
    /// The message of each finding by its id.
    pub messages: BTreeMap<&'static str, String>,
}

impl Report {
    pub(super) fn new(findings: impl IntoIterator<Item = (String, Vec<Finding>)>) -> Self {
        let mut report = Self {
            status: Level::Ok,
            checks: BTreeMap::new(),
            details: BTreeMap::new(),
        };
        for (name, findings) in findings {
            let detail = Detail::new(findings);
            report.status = report.status.max(detail.status);
            report.checks.insert(name.clone(), detail.status);
            if detail.status > Level::Ok {
                report.details.insert(name, detail);
            }
        }
        report
    }

    /// Logs each check that found something else than in the previous report: clients do not see the
    /// details. The messages alone do not count, because some say for how long it lasts.
    pub(super) fn log_changes(&self, previous: Option<&Self>) {
        for (check, detail) in &self.details {
            let before = previous.and_then(|previous| previous.details.get(check));
            if before.is_none_or(|before| !before.is_of(detail)) {
                let messages = detail.messages.values().cloned().collect::<Vec<_>>();
                tracing::warn!(
                    check,
                    level = %detail.status,
                    messages = messages.join("; "),
                    "a health check found something"
                );
            }
        }
        let Some(previous) = previous else { return };
        for check in previous.details.keys() {
            if !self.details.contains_key(check) {
                tracing::info!(check, "a health check finds nothing any more");
            }
        }
    }

    /// 200 below [`Level::Error`], else 500.
    pub fn http_status(&self) -> u16 {
        if self.status < Level::Error { 200 } else { 500 }
    }
}

impl Detail {
    /// Whether the other one has findings of the same kinds.
    fn is_of(&self, other: &Self) -> bool {
        self.status == other.status && self.messages.keys().eq(other.messages.keys())
    }

    fn new(findings: Vec<Finding>) -> Self {
        let status = findings
            .iter()
            .map(|finding| finding.level)
            .max()
            .unwrap_or_default();
        let mut messages = BTreeMap::<_, String>::new();
        for Finding { id, message, .. } in findings {
            messages
                .entry(id)
                .and_modify(|messages| {
                    messages.push_str("; ");
                    messages.push_str(&message);
                })
                .or_insert(message);
        }
        Self {
            status,
            level: status.number(),
            messages,
        }
    }
}
