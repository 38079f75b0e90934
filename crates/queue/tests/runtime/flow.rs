//! Which jobs run at once, and when the next one starts.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bare_queue::{JobContext, Task, entities::finished_job};
use bare_testkit::Backend::{self, Postgres, Sqlite};
use chrono::{DateTime, Utc};
use rstest::rstest;
use sea_orm::{EntityTrait, PaginatorTrait};
use serde::{Deserialize, Serialize};
use tokio::sync::Barrier;

use crate::{
    gate::Gate,
    queue::{Queue, Work, tasks, until},
};

/// Another task for the same queue.
#[derive(Serialize, Deserialize)]
struct Other;

impl Task for Other {
    const KIND: &'static str = "other";
}

async fn finished(queue: &Queue, count: u64) {
    until(async || {
        let finished = finished_job::Entity::find().count(queue.db()).await;
        (finished.unwrap() >= count).then_some(())
    })
    .await;
}

#[rstest]
#[tokio::test]
async fn one_queue_holds_jobs_of_several_tasks(#[values(Sqlite, Postgres)] backend: Backend) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    for number in 0..3 {
        queue.enqueue(Work(number).job()).await;
        queue.enqueue(Other.job()).await;
    }
    let works = Arc::new(AtomicUsize::new(0));
    let others = Arc::new(AtomicUsize::new(0));
    let (counts_works, counts_others) = (Arc::clone(&works), Arc::clone(&others));
    let tasks = tasks(move |_, _| {
        counts_works.fetch_add(1, SeqCst);
        async { Ok(()) }
    });
    let tasks = tasks.task(move |_: Other, _: &JobContext| {
        counts_others.fetch_add(1, SeqCst);
        async { Ok(()) }
    });
    queue.run(tasks).await;
    assert_eq!((works.load(SeqCst), others.load(SeqCst)), (3, 3));
}

#[rstest]
#[tokio::test]
async fn a_queue_runs_as_many_jobs_at_once_as_its_concurrency_and_no_more(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    for number in 0..30 {
        queue.enqueue(Work(number).job()).await;
    }
    let running = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let three = Arc::new(Barrier::new(3));
    let seen = Arc::clone(&most);
    let tasks = tasks(move |_, _| {
        let (running, most) = (Arc::clone(&running), Arc::clone(&most));
        let three = Arc::clone(&three);
        async move {
            most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
            three.wait().await;
            tokio::time::sleep(Duration::from_millis(2)).await;
            running.fetch_sub(1, SeqCst);
            Ok(())
        }
    });
    let worker = queue.start(tasks, &[("WORKER_QUEUES", "default:3")]).await;
    finished(&queue, 30).await;
    worker.stop().await;
    assert_eq!(seen.load(SeqCst), 3);
}

#[rstest]
#[tokio::test]
async fn a_full_queue_does_not_hold_up_another_one(#[values(Sqlite, Postgres)] backend: Backend) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let slow = queue.enqueue(Work(0).job().queue("slow")).await;
    let gate = Gate::closed();
    let at_gate = gate.clone();
    let tasks = tasks(move |work, _| {
        let gate = at_gate.clone();
        async move {
            if work.0 == 0 {
                gate.pass().await;
            }
            Ok(())
        }
    });
    let worker = queue
        .start(tasks, &[("WORKER_QUEUES", "slow:1,quick:1")])
        .await;
    gate.is_reached_by(1).await;
    let quick = queue.enqueue(Work(1).job().queue("quick")).await;
    queue.finished(quick).await;
    gate.open(1);
    queue.finished(slow).await;
    worker.stop().await;
}

#[rstest]
#[tokio::test]
async fn a_free_slot_claims_the_next_job_without_a_wait(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    /// Less than the shortest wait between two claims, which is 20 ms ± 20 %.
    const SHORT: chrono::Duration = chrono::Duration::milliseconds(12);
    const JOBS: u32 = 400;

    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    for number in 0..JOBS {
        queue.enqueue(Work(number).job()).await;
    }
    let ends = Arc::new(Mutex::new(Vec::<DateTime<Utc>>::new()));
    let notes = Arc::clone(&ends);
    let tasks = tasks(move |_, _| {
        notes.lock().unwrap().push(Utc::now());
        async { Ok(()) }
    });
    let worker = queue.start(tasks, &[("WORKER_QUEUES", "default:1")]).await;
    finished(&queue, JOBS.into()).await;
    worker.stop().await;

    let jobs = finished_job::Entity::find().all(queue.db()).await.unwrap();
    let mut starts: Vec<_> = jobs.iter().filter_map(|job| job.started_at).collect();
    starts.sort();
    let ends = ends.lock().unwrap();
    let gaps = starts[1..]
        .iter()
        .zip(&*ends)
        .map(|(start, end)| *start - end);
    // If a slot waited, no gap would be short. A busy machine makes some longer.
    let short = gaps.filter(|gap| *gap < SHORT).count();
    assert!(short >= 10, "{short} gaps were short");
}

#[rstest]
#[tokio::test]
async fn a_delayed_job_runs_after_its_delay(#[values(Sqlite, Postgres)] backend: Backend) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let delay = Duration::from_millis(300);
    let worker = queue.start(tasks(|_, _| async { Ok(()) }), &[]).await;
    let id = queue.enqueue(Work(0).job().delay(delay)).await;
    let job = queue.finished(id).await;
    assert!(job.started_at.unwrap() >= job.created_at + delay);
    worker.stop().await;
}

#[rstest]
#[tokio::test]
async fn a_worker_claims_only_from_its_own_queues(#[values(Sqlite, Postgres)] backend: Backend) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let other = queue.enqueue(Work(0).job().queue("other")).await;
    let own = queue.enqueue(Work(1).job()).await;
    let worker = queue.start(tasks(|_, _| async { Ok(()) }), &[]).await;
    queue.finished(own).await;
    worker.stop().await;
    assert_eq!(queue.job(other).await.attempt, 0);
}
