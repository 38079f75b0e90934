//! Layers around attempts.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use apalis::{
    layers::limit::RateLimitLayer,
    prelude::{BoxDynError, Task},
};
use bare_queue::{
    Attempt, AttemptService, JobState, Task as _, TaskError, WorkerBuilder,
    entities::{finished_job, job},
    testing::reasons,
};
use bare_testkit::Backend::{self, Postgres, Sqlite};
use rstest::rstest;
use sea_orm::EntityTrait as _;
use tokio::time::Instant;
use tower::{Service, ServiceExt as _, layer::layer_fn, service_fn, util::BoxService};

use crate::queue::{Queue, Work, tasks, until};

/// A custom layer that does something before each attempt.
fn before<F>(act: F) -> impl tower::Layer<AttemptService, Service = AttemptService>
where
    F: Fn(&Attempt) -> Result<(), BoxDynError> + Clone + Send + 'static,
{
    layer_fn(move |inner: AttemptService| {
        let act = act.clone();
        let inner = Arc::new(tokio::sync::Mutex::new(inner));
        BoxService::new(service_fn(move |task: Task<Attempt>| {
            let (allowed, inner) = (act(&task.args), Arc::clone(&inner));
            async move {
                allowed?;
                let running = inner.lock().await.ready().await?.call(task);
                running.await
            }
        }))
    })
}

#[rstest]
#[tokio::test]
async fn a_layer_sees_every_attempt_with_its_task_and_queue(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let seen = Arc::new(AtomicU32::new(0));
    let counts = Arc::clone(&seen);
    let count = before(move |attempt| {
        assert_eq!((&*attempt.kind, &*attempt.queue), ("work", "default"));
        counts.fetch_add(1, SeqCst);
        Ok(())
    });
    let code = tasks(|_, _| async { Ok(()) });
    let worker = queue
        .start_with(code, &[], |worker| worker.layer(count))
        .await;
    for number in 0..3 {
        let id = queue.enqueue(Work(number).job()).await;
        assert_eq!(queue.finished(id).await.state, JobState::Completed);
    }
    assert_eq!(seen.load(SeqCst), 3);
    worker.stop().await;
}

#[rstest]
#[tokio::test]
async fn a_rate_limit_of_apalis_on_one_queue_does_not_slow_other_queues(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    const PERIOD: Duration = Duration::from_millis(400);

    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let limit = |worker: WorkerBuilder| worker.queue_layer("slow", RateLimitLayer::new(1, PERIOD));
    let variables = [("WORKER_QUEUES", "default:5,slow:5")];
    let code = tasks(|_, _| async { Ok(()) });
    let worker = queue.start_with(code, &variables, limit).await;
    let start = Instant::now();
    let mut slow = Vec::new();
    for number in 0..4 {
        slow.push(queue.enqueue(Work(number).job().queue("slow")).await);
    }
    let other = queue.enqueue(Work(9).job()).await;
    queue.finished(other).await;
    let jobs = finished_job::Entity::find().all(queue.db()).await.unwrap();
    assert!(jobs.len() < 4, "the limit does not hold");
    for id in slow {
        assert_eq!(queue.finished(id).await.state, JobState::Completed);
    }
    assert!(start.elapsed() >= 3 * PERIOD);
    worker.stop().await;
}

#[rstest]
#[tokio::test]
async fn an_attempt_that_a_layer_refuses_is_retried_and_a_task_s_error_passes_layers(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let code = tasks(|_, _| async { Err(TaskError::GiveUp(anyhow::anyhow!("never"))) });
    let refuse = before(|attempt| match &*attempt.queue {
        "default" => Err("not today".into()),
        _ => Ok(()),
    });
    let variables = [("WORKER_QUEUES", "default:1,other:1")];
    let worker = queue
        .start_with(code, &variables, |worker| worker.layer(refuse))
        .await;
    let refused = queue.enqueue(Work(1).job()).await;
    let gives_up = queue.enqueue(Work(2).job().queue("other")).await;
    let job = until(async || {
        let job = job::Entity::find_by_id(refused).one(queue.db()).await;
        job.unwrap().filter(|job| job.state == JobState::Scheduled)
    })
    .await;
    assert_eq!(reasons(job.errors.as_ref()), ["not today"]);
    assert_eq!(job.attempt, 1);
    let job = queue.finished(gives_up).await;
    assert_eq!(job.state, JobState::Dead);
    assert_eq!(reasons(job.errors.as_ref()), ["never"]);
    worker.stop().await;
}
