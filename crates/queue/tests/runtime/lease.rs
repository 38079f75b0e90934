//! Leases: a live worker runs the jobs of a dead one, and one that was taken for dead does no harm.

use std::{
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

use bare_queue::{
    JobState, Task as _,
    entities::{job, worker},
    testing::{JobStore, reasons},
};
use bare_testkit::Backend::{self, Postgres, Sqlite};
use chrono::Utc;
use rstest::rstest;
use sea_orm::{DatabaseConnection, EntityTrait};
use uuid::Uuid;

use crate::{
    gate::Gate,
    queue::{Queue, Work, in_time, tasks, until},
};

const SHORT_LEASE: [(&str, &str); 1] = [("JOB_LEASE_SECONDS", "2")];

/// A worker claims all jobs an hour ago, and sends no heartbeat since.
async fn a_worker_dies_with_all_jobs(db: &DatabaseConnection) {
    let then = Utc::now() - chrono::Duration::hours(1);
    let (store, worker) = (JobStore::new(db.clone()).at(then), Uuid::now_v7());
    let lease = Duration::from_secs(8);
    let registered = store.register_worker(worker, "elsewhere", "default:9", lease);
    registered.await.unwrap();
    let claimed = store.claim(worker, "default", 9).await.unwrap();
    assert!(!claimed.is_empty());
}

#[rstest]
#[tokio::test]
async fn the_job_of_a_dead_worker_is_run_by_a_live_one(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let id = queue.enqueue(Work(0).job().max_attempts(1)).await;
    a_worker_dies_with_all_jobs(queue.db()).await;

    let worker = queue.start(tasks(|_, _| async { Ok(()) }), &SHORT_LEASE);
    let worker = worker.await;
    let job = queue.finished(id).await;
    assert_eq!(job.state, JobState::Completed);
    assert_eq!((job.attempt, job.deaths), (1, 1));
    assert_eq!(reasons(job.errors.as_ref()), ["the worker process died"]);
    assert_eq!(queue.workers().await.len(), 1, "the dead one is gone");
    worker.stop().await;
}

#[rstest]
#[tokio::test]
async fn a_live_worker_keeps_its_job_however_long_it_takes(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let id = queue.enqueue(Work(0).job()).await;
    let gate = Gate::closed();
    let at_gate = gate.clone();
    let slow = tasks(move |_, _| {
        let gate = at_gate.clone();
        async move {
            gate.pass().await;
            Ok(())
        }
    });
    let slow = queue.start(slow, &SHORT_LEASE).await;
    gate.is_reached_by(1).await;
    let claimed_by = queue.job(id).await.worker_id;
    let other = tasks(|_, _| async { unreachable!("the live worker's job was taken from it") });
    let other = queue.start(other, &SHORT_LEASE).await;
    // When this dead worker is gone, the other one has looked for dead workers.
    let dead = Uuid::nil();
    let then = JobStore::new(queue.db().clone()).at(Utc::now() - chrono::Duration::hours(1));
    let registered = then.register_worker(dead, "elsewhere", "default:9", Duration::ZERO);
    registered.await.unwrap();
    until(async || (queue.workers().await.len() == 2).then_some(())).await;

    assert_eq!(queue.job(id).await.worker_id, claimed_by);
    gate.open(1);
    let job = queue.finished(id).await;
    assert_eq!((job.attempt, job.lease_number), (1, 1));
    slow.stop().await;
    other.stop().await;
}

#[rstest]
#[tokio::test]
async fn a_worker_taken_for_dead_continues_under_a_new_id_and_its_late_outcome_is_refused(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let id = queue.enqueue(Work(0).job()).await;
    let (first, second) = (Gate::closed(), Gate::closed());
    let begun = Gate::closed();
    let gates = (begun.clone(), first.clone(), second.clone());
    let attempts = AtomicU32::new(0);
    let code = tasks(move |work, job| {
        let (begun, first, second) = gates.clone();
        let attempt = attempts.fetch_add(1, Relaxed);
        async move {
            match (work.0, attempt) {
                (0, 0) => {
                    begun.pass().await;
                    job.cancellation.cancelled().await;
                    first.pass().await;
                }
                (0, _) => second.pass().await,
                _ => {}
            }
            Ok(())
        }
    });
    let worker = queue.start(code, &SHORT_LEASE).await;
    begun.is_reached_by(1).await;
    begun.open(1);
    let old = queue.workers().await[0].id;
    worker::Entity::delete_by_id(old)
        .exec(queue.db())
        .await
        .unwrap();

    first.is_reached_by(1).await;
    second.is_reached_by(1).await;
    let new = queue.workers().await[0].id;
    assert_ne!(new, old);
    first.open(1);
    // Outcomes are stored in order: when this one is stored, the late one was refused.
    let later = queue.enqueue(Work(1).job()).await;
    queue.finished(later).await;
    let job = queue.job(id).await;
    assert_eq!((job.state, job.worker_id), (JobState::Running, Some(new)));

    second.open(1);
    let job = queue.finished(id).await;
    assert_eq!((job.state, job.deaths), (JobState::Completed, 1));
    worker.stop().await;
}

/// Waits until the lease of the only worker is renewed three times.
async fn see_heartbeats(url: &str) {
    let db = bare_testkit::connect(url).await;
    let expires_at = async || {
        let worker = worker::Entity::find().one(&db).await.unwrap();
        worker.map(|worker| worker.expires_at)
    };
    for _ in 0..3 {
        let before = expires_at().await;
        until(async || (expires_at().await > before).then_some(())).await;
    }
}

#[rstest]
#[tokio::test]
async fn a_task_that_blocks_its_thread_does_not_delay_heartbeats(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let id = queue.enqueue(Work(0).job()).await;
    let url = queue.database.url().to_owned();
    // The test and its worker share one thread. While a task blocks it, only other threads run.
    let blocks = tasks(move |_, _| {
        let url = url.clone();
        async move {
            let watcher = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                runtime.unwrap().block_on(see_heartbeats(&url));
            });
            assert!(watcher.join().is_ok(), "heartbeats stopped");
            Ok(())
        }
    });
    let worker = queue.start(blocks, &SHORT_LEASE).await;
    let job = in_time(queue.finished(id)).await;
    assert_eq!(job.state, JobState::Completed);
    assert_eq!((job.attempt, job.lease_number), (1, 1));
    worker.stop().await;
}

#[rstest]
#[tokio::test]
async fn a_worker_taken_for_dead_frees_the_slot_of_an_attempt_that_hangs(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let begun = Gate::closed();
    let at_gate = begun.clone();
    let code = tasks(move |work, _| {
        let begun = at_gate.clone();
        async move {
            if work.0 == 0 {
                begun.pass().await;
                std::future::pending::<()>().await;
            }
            Ok(())
        }
    });
    let [lease] = SHORT_LEASE;
    let variables = [lease, ("WORKER_QUEUES", "default:1")];
    queue.enqueue(Work(0).job().max_attempts(1)).await;
    let worker = queue.start(code, &variables).await;
    begun.is_reached_by(1).await;
    begun.open(1);
    // As if another worker had taken the job, and the job had died there.
    job::Entity::delete_many().exec(queue.db()).await.unwrap();
    worker::Entity::delete_many()
        .exec(queue.db())
        .await
        .unwrap();
    let next = queue.enqueue(Work(1).job()).await;
    queue.finished(next).await;
    worker.stop().await;
}
