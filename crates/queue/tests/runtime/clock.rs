//! Schedules of running workers.

use bare_queue::{
    JobContext, JobState, Registry, Schedules, Task,
    entities::{finished_job, job},
    testing::JobStore,
};
use bare_testkit::Backend::{self, Postgres, Sqlite};
use chrono::{DateTime, Utc};
use rstest::rstest;
use sea_orm::{EntityTrait, PaginatorTrait};
use serde::{Deserialize, Serialize};

use crate::queue::{Queue, tasks, until};

/// The task of a schedule. Its payload is the tick.
#[derive(Debug, Serialize, Deserialize)]
struct Tick(DateTime<Utc>);

impl Task for Tick {
    const KIND: &'static str = "tick";
}

/// The task that every worker has.
#[derive(Debug, Serialize, Deserialize)]
struct Prune {}

impl Task for Prune {
    const KIND: &'static str = "prune_finished_jobs";
}

fn nothing_to_do() -> Registry {
    Registry::new().task(|_: Tick, _: &JobContext| async { Ok(()) })
}

fn every_second() -> Schedules {
    let schedules = Schedules::new().add("test", "* * * * * *", "UTC", |tick| Tick(tick).job());
    schedules.unwrap()
}

async fn ticks(queue: &Queue) -> Vec<DateTime<Utc>> {
    let jobs = finished_job::Entity::find().all(queue.db()).await.unwrap();
    let mut ticks: Vec<DateTime<Utc>> = jobs
        .into_iter()
        .map(|job| serde_json::from_value::<Tick>(job.payload).unwrap().0)
        .collect();
    ticks.sort_unstable();
    ticks
}

#[rstest]
#[tokio::test]
async fn two_workers_enqueue_every_tick_once(#[values(Sqlite, Postgres)] backend: Backend) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let workers = [
        queue
            .start_scheduled(nothing_to_do(), every_second(), &[])
            .await,
        queue
            .start_scheduled(nothing_to_do(), every_second(), &[])
            .await,
    ];
    let seen = until(async || Some(ticks(&queue).await).filter(|ticks| ticks.len() >= 4)).await;
    for worker in workers {
        worker.stop().await;
    }
    for pair in seen.windows(2) {
        assert_eq!(pair[1] - pair[0], chrono::Duration::seconds(1));
    }
}

#[rstest]
#[tokio::test]
async fn a_worker_that_was_away_for_a_day_enqueues_only_the_last_missed_tick(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let yesterday = JobStore::new(queue.db().clone()).at(Utc::now() - chrono::Duration::days(1));
    let begun = yesterday.now().await.unwrap();
    yesterday.last_tick("test", begun).await.unwrap();
    // Half an hour ago: of ticks that old, only the last is enqueued.
    let pattern = format!(
        "{} * * * *",
        (Utc::now() - chrono::Duration::minutes(30)).format("%M")
    );
    let hourly = Schedules::new().add("test", &pattern, "UTC", |tick| Tick(tick).job());
    let worker = queue
        .start_scheduled(nothing_to_do(), hourly.unwrap(), &[])
        .await;
    let made_up = until(async || Some(ticks(&queue).await).filter(|ticks| !ticks.is_empty())).await;
    worker.stop().await;
    assert_eq!(made_up.len(), 1, "only the last of a day's ticks");
    assert!(Utc::now() - made_up[0] < chrono::Duration::hours(1));
}

#[rstest]
#[tokio::test]
async fn old_finished_jobs_are_pruned(#[values(Sqlite, Postgres)] backend: Backend) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let old = queue.enqueue(Tick(Utc::now()).job()).await;
    let young = queue.enqueue(Tick(Utc::now()).job()).await;
    queue.run(nothing_to_do()).await;
    let two_days_ago = finished_job::ActiveModel {
        id: sea_orm::Set(old),
        finished_at: sea_orm::Set(Utc::now() - chrono::Duration::days(2)),
        ..Default::default()
    };
    finished_job::Entity::update(two_days_ago)
        .exec(queue.db())
        .await
        .unwrap();

    let pruning = queue.enqueue(Prune {}.job()).await;
    queue.run(nothing_to_do()).await;
    queue.finished(pruning).await;
    queue.finished(young).await;
    let gone = finished_job::Entity::find_by_id(old)
        .one(queue.db())
        .await
        .unwrap();
    assert_eq!(gone, None);
}

#[rstest]
#[tokio::test]
async fn completed_jobs_are_not_kept_if_the_retention_is_zero(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let worker = queue.start(
        tasks(|_, _| async { Ok(()) }),
        &[("JOB_RETENTION_HOURS", "0")],
    );
    let worker = worker.await;
    queue.enqueue(crate::queue::Work(0).job()).await;
    until(async || {
        let left = job::Entity::find().count(queue.db()).await.unwrap();
        (left == 0).then_some(())
    })
    .await;
    worker.stop().await;
    let kept = finished_job::Entity::find()
        .count(queue.db())
        .await
        .unwrap();
    assert_eq!(kept, 0);
}

#[rstest]
#[tokio::test]
async fn a_worker_prunes_on_schedule_in_its_first_queue(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    // As if the worker had been away for a day.
    let yesterday = JobStore::new(queue.db().clone()).at(Utc::now() - chrono::Duration::days(1));
    let begun = yesterday.now().await.unwrap();
    yesterday.last_tick(Prune::KIND, begun).await.unwrap();
    let variables = [("WORKER_QUEUES", "mail:1,reports:1")];
    let worker = queue.start_built(queue.worker(), &variables).await;
    let pruning = until(async || {
        let jobs = finished_job::Entity::find().all(queue.db()).await.unwrap();
        jobs.into_iter().next()
    })
    .await;
    worker.stop().await;
    assert_eq!((&*pruning.kind, &*pruning.queue), (Prune::KIND, "mail"));
    assert_eq!(pruning.state, JobState::Completed);
}
