//! How a running worker follows what operators do.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use bare_queue::{
    JobContext, JobState, Task as _, TaskError,
    testing::{Cancelled, JobStore},
};
use bare_testkit::Backend::{self, Postgres, Sqlite};
use rstest::rstest;

use crate::{
    gate::Gate,
    queue::{Queue, Work, in_time, tasks, until},
};

#[rstest]
#[tokio::test]
async fn a_running_job_learns_of_its_cancellation_and_ends_as_cancelled(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let gate = Gate::closed();
    let reached = gate.clone();
    let code = move |_: Work, job: JobContext| {
        let gate = reached.clone();
        async move {
            gate.open(1);
            gate.pass().await;
            job.cancellation.cancelled().await;
            Err(TaskError::Retry(anyhow::anyhow!("told to stop")))
        }
    };
    // With a long lease, because the cancellation must not wait for a part of it.
    let worker = queue.start(tasks(code), &[("JOB_LEASE_SECONDS", "3600")]);
    let worker = worker.await;
    let id = queue.enqueue(Work(0).job()).await;
    gate.is_reached_by(1).await;
    let store = JobStore::new(queue.db().clone());
    assert_eq!(store.cancel(id).await.unwrap(), Cancelled::Requested);
    let job = queue.finished(id).await;
    assert_eq!(job.state, JobState::Cancelled);
    worker.stop().await;
}

#[rstest]
#[tokio::test]
async fn a_job_with_a_requested_cancellation_does_not_start(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let id = queue.enqueue(Work(0).job()).await;
    let cancelled = "UPDATE job SET cancel_requested_at = created_at";
    queue.database.execute(cancelled).await;
    queue
        .run(tasks(|_, _| async { panic!("it must not begin") }))
        .await;
    let job = queue.finished(id).await;
    assert_eq!(job.state, JobState::Cancelled);
}

#[rstest]
#[tokio::test]
async fn a_job_runs_alone_after_three_of_its_workers_died(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let running = Arc::new(AtomicU32::new(0));
    let (counted, gate) = (running.clone(), Gate::closed());
    let reached = gate.clone();
    let code = move |work: Work, _| {
        let (running, gate) = (counted.clone(), reached.clone());
        async move {
            let others = running.fetch_add(1, Relaxed);
            if work.0 == 0 {
                assert_eq!(others, 0, "others run next to it");
            } else {
                gate.pass().await;
            }
            running.fetch_sub(1, Relaxed);
            Ok(())
        }
    };
    let worker = queue.start(tasks(code), &[]).await;
    for number in 1..=3 {
        queue.enqueue(Work(number).job()).await;
    }
    gate.is_reached_by(3).await;
    let solo = Work(0).job().priority(-1).delay(Duration::from_hours(1));
    let solo = queue.enqueue(solo).await;
    let deadly = "UPDATE job SET deaths = 3, state = 'available', run_at = created_at
                  WHERE state = 'scheduled'";
    queue.database.execute(deadly).await;
    until(async || queue.job(solo).await.started_at).await;
    assert_eq!(
        running.load(Relaxed),
        3,
        "the solo job waits for the others"
    );

    gate.open(3);
    let job = queue.finished(solo).await;
    assert_eq!((job.state, job.errors), (JobState::Completed, None));
    worker.stop().await;
}

#[rstest]
#[tokio::test]
async fn a_process_holds_no_other_job_while_one_runs_alone(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    for number in 0..2 {
        queue.enqueue(Work(number).job()).await;
    }
    queue.database.execute("UPDATE job SET deaths = 3").await;
    let gate = Gate::closed();
    let reached = gate.clone();
    let code = move |work: Work, _| {
        let gate = reached.clone();
        async move {
            if work.0 < 2 {
                gate.pass().await;
            }
            Ok(())
        }
    };
    let worker = queue.start(tasks(code), &[]).await;
    gate.is_reached_by(1).await;
    let innocent = queue.enqueue(Work(2).job()).await;
    let store = JobStore::new(queue.db().clone());
    let stats = async || store.stats().await.unwrap().remove(0);
    // The other of the two is snoozed.
    until(async || (stats().await.scheduled == 1).then_some(())).await;
    assert_eq!((stats().await.running, stats().await.available), (1, 1));

    gate.open(1);
    queue.finished(innocent).await;
    queue.pass_all_waits().await;
    gate.is_reached_by(1).await;
    gate.open(1);
    until(async || store.stats().await.unwrap().is_empty().then_some(())).await;
    worker.stop().await;
}

#[rstest]
#[tokio::test]
async fn a_worker_claims_nothing_from_a_paused_queue_until_it_is_resumed(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let store = JobStore::new(queue.db().clone());
    store.pause("default").await.unwrap();
    let worker = queue.start(tasks(|_, _| async { Ok(()) }), &[]).await;
    let paused = queue.enqueue(Work(0).job()).await;
    let other = Work(1).job().queue("other");
    let other = queue.enqueue(other).await;
    let second = queue.start(
        tasks(|_, _| async { Ok(()) }),
        &[("WORKER_QUEUES", "other:1")],
    );
    let second = second.await;
    queue.finished(other).await;
    assert_eq!(queue.job(paused).await.attempt, 0);

    store.resume("default").await.unwrap();
    queue.finished(paused).await;
    in_time(worker.stop()).await;
    in_time(second.stop()).await;
}

#[rstest]
#[tokio::test]
async fn two_workers_together_keep_the_limit_of_a_queue(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    JobStore::new(queue.db().clone())
        .limit("default", Some(2))
        .await
        .unwrap();
    let (running, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let code = || {
        let (running, most) = (running.clone(), most.clone());
        tasks(move |_, _| {
            let (running, most) = (running.clone(), most.clone());
            async move {
                most.fetch_max(running.fetch_add(1, Relaxed) + 1, Relaxed);
                tokio::task::yield_now().await;
                running.fetch_sub(1, Relaxed);
                Ok(())
            }
        })
    };
    let workers = [
        queue.start(code(), &[]).await,
        queue.start(code(), &[]).await,
    ];
    let mut ids = Vec::new();
    for number in 0..20 {
        ids.push(queue.enqueue(Work(number).job()).await);
    }
    for id in ids {
        queue.finished(id).await;
    }
    assert!(most.load(Relaxed) <= 2);
    for worker in workers {
        worker.stop().await;
    }
}
