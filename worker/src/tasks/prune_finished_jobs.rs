//! Finished jobs that were kept for long enough go.

use db::{entities::finished_job::State, jobs::JobStore, tasks::PruneFinishedJobs};

use crate::queue::{JobContext, TaskError};

/// Small, so that no statement holds locks or the disk for long.
const BATCH: u64 = 1000;

/// Deletes them in batches. It stops between two when it is told to, and goes on with the next tick.
pub(super) async fn prune_finished_jobs(
    _: PruneFinishedJobs,
    job: &JobContext,
) -> Result<(), TaskError> {
    let store = JobStore::new(job.resources.db.clone());
    let kept = &job.resources.retention;
    let ages = [
        (State::Completed, kept.finished),
        (State::Cancelled, kept.finished),
        (State::Dead, kept.dead),
    ];
    for (state, age) in ages {
        while !job.cancellation.is_cancelled() && store.prune(state, age, BATCH).await? == BATCH {}
    }
    Ok(())
}
