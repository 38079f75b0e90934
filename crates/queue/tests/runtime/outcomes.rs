//! What a task can return, and what happens to its job.

use std::{
    sync::{Arc, Mutex, atomic::AtomicU32},
    time::Duration,
};

use anyhow::anyhow;
use bare_queue::{
    JobState, Metadata, Task as _, TaskError, entities::finished_job, testing::reasons,
    with_metadata,
};
use bare_testkit::Backend::{self, Postgres, Sqlite};
use chrono::Utc;
use rstest::rstest;
use sea_orm::EntityTrait;
use serde_json::json;
use std::sync::atomic::Ordering::Relaxed;

use crate::queue::{Queue, Work, errors, tasks};

#[rstest]
#[tokio::test]
async fn a_task_gets_its_payload_and_knows_its_job(#[values(Sqlite, Postgres)] backend: Backend) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let request = Metadata {
        request_id: Some("my-request".to_owned()),
        ..Metadata::default()
    };
    let job = Work(7).job().max_attempts(3);
    let id = with_metadata(move || request.clone(), queue.enqueue(job)).await;

    let seen = Arc::new(Mutex::new(None));
    let sees = Arc::clone(&seen);
    queue
        .run(tasks(move |work, job| {
            *sees.lock().unwrap() = Some((work.0, job));
            async { Ok(()) }
        }))
        .await;

    let (payload, job) = seen.lock().unwrap().take().unwrap();
    assert_eq!(payload, 7);
    assert_eq!((job.id, job.attempt, job.max_attempts), (id, 1, 3));
    assert_eq!(job.request_id.as_deref(), Some("my-request"));
    assert_eq!(job.timeout, Work::TIMEOUT);
    let job = queue.finished(id).await;
    assert_eq!(job.state, JobState::Completed);
    assert_eq!((job.attempt, job.errors), (1, None));
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const BAGGAGE: &str = "sentry-release=web%401.0.0,sentry-environment=production";

#[rstest]
#[tokio::test]
async fn a_job_that_a_job_enqueues_belongs_to_the_same_request_and_trace(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let request = json!({
        "request_id": "my-request",
        "traceparent": format!("00-{TRACE}-00f067aa0ba902b7-01"),
        "baggage": BAGGAGE,
        "enqueued_by": "an older release",
    });
    let request = move || serde_json::from_value(request.clone()).unwrap();
    with_metadata(request, queue.enqueue(Work(0).job())).await;
    let db = queue.db().clone();
    queue
        .run(tasks(move |work, job| {
            let db = db.clone();
            async move {
                assert_eq!(job.trace.baggage(), Some(BAGGAGE));
                if work.0 < 2 {
                    Work(work.0 + 1).enqueue(&db).await?;
                }
                Ok(())
            }
        }))
        .await;

    let mut jobs = finished_job::Entity::find().all(queue.db()).await.unwrap();
    jobs.sort_by_key(|job| job.id);
    assert_eq!(jobs.len(), 3);
    let origins = jobs.into_iter().map(|job| job.metadata.unwrap());
    let origins: Vec<Metadata> = origins
        .map(|origin| serde_json::from_value(origin).unwrap())
        .collect();
    for origin in &origins {
        assert_eq!(origin.request_id.as_deref(), Some("my-request"));
        let trace = origin.traceparent.as_deref().unwrap();
        assert!(trace.starts_with(&format!("00-{TRACE}-")), "{trace}");
        assert_eq!(origin.baggage.as_deref(), Some(BAGGAGE));
    }
    // Each job has a new span after that of the attempt that enqueued it.
    assert_ne!(origins[1].traceparent, origins[0].traceparent);
    assert_ne!(origins[2].traceparent, origins[1].traceparent);
    let version = Some(env!("CARGO_PKG_VERSION"));
    assert_eq!(origins[0].enqueued_by.as_deref(), Some("an older release"));
    assert_eq!(origins[1].enqueued_by.as_deref(), version);
}

#[rstest]
#[tokio::test]
async fn a_failed_job_is_retried_after_a_wait_that_doubles(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let id = queue.enqueue(Work(0).job()).await;
    for (attempt, seconds) in [(1, 15), (2, 30), (3, 60)] {
        queue
            .run(tasks(|_, job| async move {
                let number: u32 = format!("attempt {}", job.attempt).parse()?;
                unreachable!("{number}")
            }))
            .await;
        let job = queue.job(id).await;
        assert_eq!((job.state, job.attempt), (JobState::Scheduled, attempt));
        let wait = chrono::Duration::seconds(seconds);
        let failed_at = errors(job.errors.as_ref()).last().unwrap().at;
        assert!(job.run_at >= failed_at + wait * 8 / 10 - chrono::Duration::milliseconds(1));
        assert!(job.run_at <= Utc::now() + wait * 12 / 10);
        queue.pass_all_waits().await;
    }
    let job = queue.job(id).await;
    assert_eq!(
        reasons(job.errors.as_ref()),
        ["invalid digit found in string"; 3]
    );
}

#[rstest]
#[tokio::test]
async fn a_task_can_say_when_it_is_retried(#[values(Sqlite, Postgres)] backend: Backend) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let id = queue.enqueue(Work(0).job()).await;
    let asked_at = Utc::now();
    queue
        .run(tasks(|_, _| async {
            let wait = Duration::from_hours(1);
            Err(TaskError::RetryAfter(wait, anyhow!("too many requests")))
        }))
        .await;
    let job = queue.job(id).await;
    assert_eq!((job.state, job.attempt), (JobState::Scheduled, 1));
    assert_eq!(reasons(job.errors.as_ref()), ["too many requests"]);
    assert!(
        job.run_at >= asked_at + chrono::Duration::hours(1) - chrono::Duration::milliseconds(1)
    );
    assert!(job.run_at <= Utc::now() + chrono::Duration::hours(1));
}

#[rstest]
#[tokio::test]
async fn a_snooze_costs_no_attempt_and_is_not_an_error(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let id = queue.enqueue(Work(0).job().max_attempts(1)).await;
    for _ in 0..3 {
        queue
            .run(tasks(|_, job| async move {
                assert_eq!(job.attempt, 1);
                Err(TaskError::Snooze(Duration::from_hours(1)))
            }))
            .await;
        let job = queue.job(id).await;
        assert_eq!((job.state, job.attempt), (JobState::Scheduled, 0));
        assert_eq!(job.errors, None);
        assert!(job.run_at > Utc::now() + chrono::Duration::minutes(50));
        queue.pass_all_waits().await;
    }
    queue.run(tasks(|_, _| async { Ok(()) })).await;
    assert_eq!(queue.finished(id).await.attempt, 1);
}

#[rstest]
#[tokio::test]
async fn a_job_whose_task_gives_up_is_dead_at_once(#[values(Sqlite, Postgres)] backend: Backend) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let id = queue.enqueue(Work(0).job()).await;
    queue
        .run(tasks(|_, _| async {
            Err(TaskError::GiveUp(anyhow!("not found").context("the page")))
        }))
        .await;
    let job = queue.finished(id).await;
    assert_eq!((job.state, job.attempt), (JobState::Dead, 1));
    assert_eq!(reasons(job.errors.as_ref()), ["the page: not found"]);
}

#[rstest]
#[tokio::test]
async fn a_job_is_dead_after_its_last_attempt_and_keeps_its_errors(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let id = queue.enqueue(Work(0).job().max_attempts(3)).await;
    let runs = Arc::new(AtomicU32::new(0));
    for _ in 0..4 {
        let runs = Arc::clone(&runs);
        queue
            .run(tasks(move |_, job| {
                runs.fetch_add(1, Relaxed);
                async move { Err(anyhow!("attempt {}", job.attempt).into()) }
            }))
            .await;
        queue.pass_all_waits().await;
    }
    assert_eq!(runs.load(Relaxed), 3);
    let job = queue.finished(id).await;
    assert_eq!((job.state, job.attempt), (JobState::Dead, 3));
    assert_eq!(
        reasons(job.errors.as_ref()),
        ["attempt 1", "attempt 2", "attempt 3"]
    );
}
