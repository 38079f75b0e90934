//! The states of a job.

use std::str::FromStr;

use sea_orm::{DeriveActiveEnum, EnumIter, Iterable, sea_query::StringLen};
use serde::Serialize;

/// The state of a job. Rows of `job` have one of the first three, rows of `finished_job` the
/// others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize)]
#[serde(rename_all = "lowercase")]
#[sea_orm(
    rs_type = "String",
    db_type = "String(StringLen::None)",
    rename_all = "lowercase"
)]
pub enum JobState {
    /// It waits for its `run_at`.
    Scheduled,
    /// It waits for a worker.
    Available,
    /// A worker has claimed it.
    Running,
    /// Its task succeeded.
    Completed,
    /// Its attempts are used up, or the task gave up.
    Dead,
    /// It was cancelled.
    Cancelled,
}

impl JobState {
    /// The states in which a job ends.
    pub(crate) const FINISHED: [Self; 3] = [Self::Completed, Self::Dead, Self::Cancelled];

    /// Its name, the same in the database and everywhere else.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Available => "available",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        }
    }
}

impl FromStr for JobState {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::iter()
            .find(|state| state.name() == text)
            .ok_or("scheduled, available, running, completed, dead or cancelled is accepted")
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::ActiveEnum;

    use super::*;

    #[test]
    fn a_state_has_one_name_everywhere() {
        for state in JobState::iter() {
            assert_eq!(state.to_value(), state.name());
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
            assert_eq!(state.name().parse(), Ok(state));
        }
    }
}
