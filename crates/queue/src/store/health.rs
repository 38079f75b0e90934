//! Problems of the queues that an operator should know before users do.

use std::{collections::BTreeSet, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter, QuerySelect,
};
use uuid::Uuid;

use super::{
    JobStore,
    handle::{TOLERANCE, milliseconds, postgres},
};
use crate::{
    JobState,
    entities::{finished_job, job, worker},
};

/// The health of the queues.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// The queues with waiting jobs and no live worker, except paused ones.
    pub unattended: Vec<String>,
    /// How long the oldest available job has waited, except in paused queues.
    pub longest_wait: Option<Duration>,
    /// How many jobs died within the requested time.
    pub dead: u64,
}

/// A queue with waiting jobs.
#[derive(FromQueryResult)]
struct Waiting {
    queue: String,
    oldest: DateTime<Utc>,
}

impl JobStore {
    /// The health of the queues, with the number of jobs that died within `recently`.
    pub async fn health(&self, recently: Duration) -> Result<Health, DbErr> {
        let now = self.now().await?;
        let attended = self.attended().await?;
        let waiting = self.waiting().await?;
        let since = now - TimeDelta::milliseconds(milliseconds(recently));
        // Walks `finished_job_age` (state, finished_at).
        let dead = finished_job::Entity::find()
            .filter(finished_job::Column::State.eq(JobState::Dead))
            .filter(finished_job::Column::FinishedAt.gte(since))
            .count(&self.db)
            .await?;
        Ok(Health {
            longest_wait: waiting
                .iter()
                .map(|queue| (now - queue.oldest).to_std().unwrap_or_default())
                .max(),
            unattended: waiting
                .into_iter()
                .map(|waiting| waiting.queue)
                .filter(|queue| !attended.contains(queue))
                .collect(),
            dead,
        })
    }

    /// The workers that are alive.
    pub async fn live_workers(&self) -> Result<Vec<worker::Model>, DbErr> {
        let now = self.now().await?;
        // A renewal in the future is of a worker that died before the clock was set back.
        worker::Entity::find()
            .filter(worker::Column::ExpiresAt.gt(now))
            .filter(worker::Column::RenewedAt.lte(now + TOLERANCE))
            .all(&self.db)
            .await
    }

    /// The queues that live workers claim from.
    pub(crate) async fn attended(&self) -> Result<BTreeSet<String>, DbErr> {
        let workers = self.live_workers().await?;
        let queues = workers.iter().flat_map(|worker| worker.queues.split(','));
        let names = queues.filter_map(|queue| queue.split(':').next());
        Ok(names.map(str::to_owned).collect())
    }

    /// Whether a live worker serves the queue, or an unfinished job is in it.
    pub(crate) async fn is_queue_in_use(&self, queue: &str) -> Result<bool, DbErr> {
        if self.attended().await?.contains(queue) {
            return Ok(true);
        }
        let job = job::Entity::find()
            .select_only()
            .column(job::Column::Id)
            .filter(job::Column::Queue.eq(queue))
            .into_tuple::<Uuid>()
            .one(&self.db);
        Ok(job.await?.is_some())
    }

    async fn waiting(&self) -> Result<Vec<Waiting>, DbErr> {
        let paused = "SELECT name FROM queue WHERE paused_at IS NOT NULL";
        let statement = if self.is_sqlite() {
            let sql = format!(
                "SELECT queue, min(run_at) AS oldest FROM job
                 WHERE state = 'available' AND queue NOT IN ({paused})
                 GROUP BY queue ORDER BY queue"
            );
            self.statement(&sql, [])
        } else {
            // Jumps through `job_claim` (queue, priority, run_at, id) from the first job of each
            // queue and priority to the next, without reading the backlog between them.
            let sql = format!(
                "WITH RECURSIVE head AS (
                     (SELECT queue, priority, run_at FROM job WHERE state = 'available'
                      ORDER BY queue, priority, run_at LIMIT 1)
                     UNION ALL
                     SELECT next.* FROM head CROSS JOIN LATERAL (
                         SELECT queue, priority, run_at FROM job
                         WHERE state = 'available' AND (queue, priority) > (head.queue, head.priority)
                         ORDER BY queue, priority, run_at LIMIT 1
                     ) AS next
                 )
                 SELECT queue, min(run_at) AS oldest FROM head
                 WHERE queue NOT IN ({paused})
                 GROUP BY queue ORDER BY queue"
            );
            postgres(&sql, [])
        };
        Waiting::find_by_statement(statement).all(&self.db).await
    }
}
