//! Whether this worker does its work, for `/__heartbeat__`.

use std::sync::Arc;

use dockerflow::checks::{Finding, Level};

use super::shared::Shared;

/// The health of a running worker.
#[derive(Clone)]
pub(super) struct Health(pub(super) Arc<Shared>);

impl Health {
    /// An error if, for the length of a lease, the lease was not renewed or claims got no answer.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let Self(shared) = self;
        let length = shared.lease.length;
        let mut findings = Vec::new();
        if !shared.lease.is_current() {
            findings.push(Finding::new(
                Level::Error,
                "worker.0001",
                format!("the lease was not renewed for {length:?}"),
            ));
        }
        let vain = shared.claiming_since.vain_for(length);
        if !vain.is_empty() && !shared.draining.is_cancelled() {
            findings.push(Finding::new(
                Level::Error,
                "worker.0002",
                format!(
                    "nothing could be claimed for {length:?} from: {}",
                    vain.join(", ")
                ),
            ));
        }
        findings
    }
}
