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

    /// 200 below [`Level::Error`], else 500.
    pub fn http_status(&self) -> u16 {
        if self.status < Level::Error { 200 } else { 500 }
    }
}

impl Detail {
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
