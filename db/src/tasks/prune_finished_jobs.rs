//! Finished jobs that were kept for long enough go.

use serde::{Deserialize, Serialize};

use crate::jobs::Task;

/// Deletes the finished jobs that the worker's settings no longer keep.
#[derive(Debug, Serialize, Deserialize)]
pub struct PruneFinishedJobs {}

impl Task for PruneFinishedJobs {
    const KIND: &'static str = "prune_finished_jobs";
}
