//! How a worker stops when it is asked to.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use bare_queue::{
    JobState, Task as _,
    entities::{finished_job, job},
};
use bare_testkit::Backend::{self, Postgres, Sqlite};
use rstest::rstest;
use sea_orm::{ConnectionTrait as _, DbBackend, EntityTrait, PaginatorTrait, Statement};

use crate::{
    gate::Gate,
    queue::{Queue, Work, in_time, tasks, until},
};

#[rstest]
#[tokio::test]
async fn a_worker_that_stops_finishes_its_running_jobs_and_starts_no_others(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    for number in 0..5 {
        queue.enqueue(Work(number).job()).await;
    }
    let gate = Gate::closed();
    let at_gate = gate.clone();
    let tasks = tasks(move |_, _| {
        let gate = at_gate.clone();
        async move {
            gate.pass().await;
            Ok(())
        }
    });
    let worker = queue.start(tasks, &[("WORKER_QUEUES", "default:2")]).await;
    gate.is_reached_by(2).await;

    let stopping = tokio::spawn(worker.stop());
    // A worker that does not stop would now begin the others.
    tokio::task::yield_now().await;
    gate.open(5);
    in_time(stopping).await.unwrap();

    let finished = finished_job::Entity::find().all(queue.db()).await.unwrap();
    assert_eq!(finished.len(), 2);
    for job in &finished {
        assert_eq!(job.state, JobState::Completed);
    }
    let waiting = job::Entity::find().all(queue.db()).await.unwrap();
    assert_eq!(waiting.len(), 3);
    for job in &waiting {
        assert_eq!((job.state, job.attempt), (JobState::Available, 0));
    }
    assert_eq!(queue.workers().await.len(), 0);
}

#[rstest]
#[tokio::test]
async fn a_job_that_outlasts_the_grace_period_is_stopped_and_released_at_no_cost(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    struct Dropped(Arc<AtomicBool>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.store(true, SeqCst);
        }
    }

    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let id = queue.enqueue(Work(0).job().max_attempts(1)).await;
    let gate = Gate::closed();
    let at_gate = gate.clone();
    let is_dropped = Arc::new(AtomicBool::new(false));
    let when_dropped = Arc::clone(&is_dropped);
    let tasks = tasks(move |_, _| {
        let gate = at_gate.clone();
        let dropped = Dropped(Arc::clone(&when_dropped));
        async move {
            gate.pass().await;
            drop(dropped);
            Ok(())
        }
    });
    let worker = queue.start(tasks, &[("SHUTDOWN_GRACE_SECONDS", "0")]).await;
    gate.is_reached_by(1).await;
    in_time(worker.stop()).await;

    assert!(is_dropped.load(SeqCst));
    let job = queue.job(id).await;
    assert_eq!((job.state, job.attempt), (JobState::Available, 0));
    assert_eq!((job.worker_id, job.errors), (None, None));
    assert_eq!(queue.workers().await.len(), 0);
}

#[rstest]
#[tokio::test]
async fn a_job_that_a_stopping_worker_released_is_run_by_the_next_worker(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let id = queue.enqueue(Work(0).job()).await;
    let gate = Gate::closed();
    let at_gate = gate.clone();
    let stuck = tasks(move |_, _| {
        let gate = at_gate.clone();
        async move {
            gate.pass().await;
            Ok(())
        }
    });
    // With one slot, no claim is under way that takes the released job once more.
    let settings = [
        ("SHUTDOWN_GRACE_SECONDS", "0"),
        ("WORKER_QUEUES", "default:1"),
    ];
    let worker = queue.start(stuck, &settings).await;
    gate.is_reached_by(1).await;
    in_time(worker.stop()).await;

    queue.run(tasks(|_, _| async { Ok(()) })).await;
    let job = queue.finished(id).await;
    assert_eq!((job.attempt, job.lease_number, job.deaths), (1, 2, 0));
    assert_eq!(job::Entity::find().count(queue.db()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_claim_that_waits_for_a_lock_does_not_delay_the_worker_s_exit() {
    /// Far longer than the exit takes, and shorter than the limits of a statement and of the grace.
    const MOMENT: Duration = Duration::from_secs(3);

    let Some(queue) = Queue::on(Postgres).await else {
        return;
    };
    let id = queue.enqueue(Work(0).job()).await;
    let locked = bare_database::begin(queue.db()).await.unwrap();
    let lock = "LOCK TABLE job IN ACCESS EXCLUSIVE MODE";
    locked.execute_unprepared(lock).await.unwrap();
    let worker = queue.start(tasks(|_, _| pending()), &[]).await;
    let claims = "SELECT FROM pg_stat_activity WHERE datname = current_database()
                  AND wait_event_type = 'Lock' AND query LIKE '%SKIP LOCKED%'";
    let claims = || Statement::from_string(DbBackend::Postgres, claims);
    until(async || queue.db().query_one_raw(claims()).await.unwrap()).await;
    let end = tokio::time::timeout(MOMENT, worker.stop()).await;
    end.expect("it waits for its claim");
    locked.commit().await.unwrap();

    let worker = queue.start(tasks(|_, _| async { Ok(()) }), &[]).await;
    let job = queue.finished(id).await;
    assert_eq!(job.state, JobState::Completed);
    assert_eq!((job.attempt, job.deaths), (1, 0));
    worker.stop().await;
}
