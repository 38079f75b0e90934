//! Deletes old finished jobs: a task and a schedule that every worker has.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{JobContext, Registry, ScheduleError, Schedules, TaskError, registry::Tasks};
use crate::{JobState, Task, store::JobStore};

/// Small, so that no statement holds locks or the disk for long.
const BATCH: u64 = 1000;

/// Deletes the finished jobs that the worker's settings no longer keep.
#[derive(Debug, Serialize, Deserialize)]
struct PruneFinishedJobs {}

impl Task for PruneFinishedJobs {
    const KIND: &'static str = "prune_finished_jobs";
}

/// How long finished jobs are kept, and where they are.
pub(super) struct Retention {
    pub(super) store: JobStore,
    /// For completed and cancelled jobs.
    pub(super) finished: Duration,
    /// For dead jobs.
    pub(super) dead: Duration,
}

/// The task.
pub(super) fn task(retention: Retention) -> Tasks {
    Registry::new()
        .task(prune_finished_jobs)
        .bind(&Arc::new(retention))
}

/// The schedule: every hour, in this queue.
pub(super) fn schedule(schedules: Schedules, queue: String) -> Result<Schedules, ScheduleError> {
    schedules.add("prune_finished_jobs", "0 * * * *", "UTC", move |_| {
        PruneFinishedJobs {}.job().queue(queue.clone())
    })
}

/// Deletes them in batches. If it is cancelled, it stops between two, and the next tick continues.
async fn prune_finished_jobs(
    _: PruneFinishedJobs,
    job: &JobContext<Retention>,
) -> Result<(), TaskError> {
    let Retention {
        store,
        finished,
        dead,
    } = &*job.resources;
    let ages = [
        (JobState::Completed, *finished),
        (JobState::Cancelled, *finished),
        (JobState::Dead, *dead),
    ];
    for (state, age) in ages {
        while !job.cancellation.is_cancelled() && store.prune(state, age, BATCH).await? == BATCH {}
    }
    Ok(())
}
