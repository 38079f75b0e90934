//! Attempts that fail in ways other than an error of their task. None of them stops the worker.

use std::{
    fmt::{self, Display, Formatter},
    time::Duration,
};

use anyhow::anyhow;
use bare_queue::{JobContext, JobState, Registry, Task, TaskError, testing::reasons};
use bare_testkit::Backend::{self, Postgres, Sqlite};
use chrono::Utc;
use rstest::rstest;
use sea_orm::{ActiveModelTrait, IntoActiveModel, Set};
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use crate::queue::{Queue, Work, errors, tasks, until};

const UNKNOWN: &str = "no worker knows this task";

/// A task that no worker here has code for.
#[derive(Serialize, Deserialize)]
struct Unknown;

impl Task for Unknown {
    const KIND: &'static str = "unknown";
}

/// [`Work`] with the payload of another release.
#[derive(Serialize, Deserialize)]
struct OtherWork(String);

impl Task for OtherWork {
    const KIND: &'static str = Work::KIND;
}

/// A task with a short timeout.
#[derive(Serialize, Deserialize)]
struct Brief;

impl Task for Brief {
    const KIND: &'static str = "brief";
    const TIMEOUT: Duration = Duration::from_millis(50);
}

/// A task whose payload panics when it is decoded.
#[derive(Serialize)]
struct Fragile;

impl<'de> Deserialize<'de> for Fragile {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("it broke")
    }
}

impl Task for Fragile {
    const KIND: &'static str = "fragile";
}

/// A task whose backoff panics.
#[derive(Serialize, Deserialize)]
struct Careless;

impl Task for Careless {
    const KIND: &'static str = "careless";

    fn backoff(attempt: i32) -> Duration {
        panic!("what comes after {attempt}?")
    }
}

/// An error that panics when it is formatted.
#[derive(Debug)]
struct Unspeakable;

impl Display for Unspeakable {
    fn fmt(&self, _: &mut Formatter<'_>) -> fmt::Result {
        panic!("no words")
    }
}

fn work_that_succeeds() -> Registry {
    tasks(|_, _| async { Ok(()) })
}

fn brief_that_takes(time: Duration) -> Registry {
    Registry::new().task(move |_: Brief, _: &JobContext| async move {
        tokio::time::sleep(time).await;
        Ok(())
    })
}

#[rstest]
#[tokio::test]
async fn an_unknown_task_costs_no_attempt_in_its_first_hour(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let id = queue.enqueue(Unknown.job().max_attempts(1)).await;
    for _ in 0..3 {
        queue.run(work_that_succeeds()).await;
        let job = queue.job(id).await;
        assert_eq!((job.state, job.attempt), (JobState::Scheduled, 0));
        assert_eq!(reasons(job.errors.as_ref()), [UNKNOWN]);
        assert!(job.run_at <= Utc::now() + chrono::Duration::seconds(72));
        queue.pass_all_waits().await;
    }
}

#[rstest]
#[tokio::test]
async fn an_unknown_task_costs_attempts_after_its_first_hour(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let id = queue.enqueue(Unknown.job().max_attempts(2)).await;
    queue.run(work_that_succeeds()).await;
    set_first_error_back(&queue, id, chrono::Duration::minutes(61)).await;

    queue.pass_all_waits().await;
    queue.run(work_that_succeeds()).await;
    let job = queue.job(id).await;
    assert_eq!((job.state, job.attempt), (JobState::Scheduled, 1));

    queue.pass_all_waits().await;
    queue.run(work_that_succeeds()).await;
    let job = queue.finished(id).await;
    assert_eq!((job.state, job.attempt), (JobState::Dead, 2));
    assert_eq!(reasons(job.errors.as_ref()), [UNKNOWN; 3]);
}

async fn set_first_error_back(queue: &Queue, id: Uuid, time: chrono::Duration) {
    let job = queue.job(id).await;
    let mut errors = errors(job.errors.as_ref());
    errors[0].at -= time;
    let mut job = job.into_active_model();
    job.errors = Set(Some(serde_json::to_value(errors).unwrap()));
    job.update(queue.db()).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_payload_that_does_not_decode_fails_the_attempt_and_is_not_in_its_error(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let id = queue.enqueue(OtherWork("s3cret".to_owned()).job()).await;
    queue.run(work_that_succeeds()).await;
    let job = queue.job(id).await;
    assert_eq!((job.state, job.attempt), (JobState::Scheduled, 1));
    let reason = reasons(job.errors.as_ref()).concat();
    assert!(
        reason.starts_with("the payload is not this task's"),
        "{reason}"
    );
    assert!(!reason.contains("s3cret"), "{reason}");
}

#[rstest]
#[tokio::test]
async fn a_panic_is_a_failed_attempt_with_its_message(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let id = queue.enqueue(Work(0).job()).await;
    for _ in 0..3 {
        queue
            .run(tasks(|_, job| async move {
                match job.attempt {
                    1 => panic!("a text"),
                    2 => panic!("number {}", job.attempt),
                    _ => std::panic::panic_any(3),
                }
            }))
            .await;
        queue.pass_all_waits().await;
    }
    let job = queue.job(id).await;
    assert_eq!(job.attempt, 3);
    let expected = [
        "it panicked: a text",
        "it panicked: number 2",
        "it panicked: ",
    ];
    assert_eq!(reasons(job.errors.as_ref()), expected);
}

#[rstest]
#[tokio::test]
async fn an_attempt_that_exceeds_its_timeout_is_stopped_and_fails(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let id = queue.enqueue(Brief.job()).await;
    queue.run(brief_that_takes(Duration::MAX)).await;
    let job = queue.job(id).await;
    assert_eq!((job.state, job.attempt), (JobState::Scheduled, 1));
    assert_eq!(reasons(job.errors.as_ref()), ["it took longer than 50ms"]);
}

#[rstest]
#[tokio::test]
async fn a_job_s_timeout_overrides_its_task_s(#[values(Sqlite, Postgres)] backend: Backend) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let longer = Brief.job().timeout(Duration::from_mins(1));
    let longer = queue.enqueue(longer).await;
    queue.run(brief_that_takes(Brief::TIMEOUT * 3)).await;
    let job = queue.finished(longer).await;
    assert_eq!(job.state, JobState::Completed);

    let shorter = Work(0).job().timeout(Duration::from_secs(1));
    let shorter = queue.enqueue(shorter).await;
    queue
        .run(tasks(|_, job| async move {
            assert_eq!(job.timeout, Duration::from_secs(1));
            std::future::pending().await
        }))
        .await;
    let job = queue.job(shorter).await;
    assert_eq!(reasons(job.errors.as_ref()), ["it took longer than 1s"]);
}

#[rstest]
#[tokio::test]
async fn jobs_that_fail_in_every_way_do_not_stop_other_jobs(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let mut good = Vec::new();
    let mut bad = Vec::new();
    for number in 0..10 {
        good.push(queue.enqueue(Work(number).job()).await);
        bad.push(queue.enqueue(Work(1000).job()).await);
        bad.push(queue.enqueue(Unknown.job()).await);
        bad.push(queue.enqueue(Brief.job()).await);
        bad.push(queue.enqueue(OtherWork(String::new()).job()).await);
    }
    let tasks = tasks(|work, _| async move {
        assert!(work.0 < 1000, "this one panics");
        Ok(())
    });
    let tasks = tasks.task(|_: Brief, _: &JobContext| std::future::pending());
    queue.run(tasks).await;
    for id in good {
        let job = queue.finished(id).await;
        assert_eq!(job.state, JobState::Completed);
    }
    for id in bad {
        let job = queue.job(id).await;
        assert_eq!(job.state, JobState::Scheduled);
        assert_eq!(errors(job.errors.as_ref()).len(), 1);
    }
}

#[rstest]
#[tokio::test]
async fn a_panic_outside_a_task_s_code_fails_the_attempt_and_not_the_worker(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let fragile = queue.enqueue(Fragile.job()).await;
    let careless = queue.enqueue(Careless.job()).await;
    let unspeakable = queue.enqueue(Brief.job()).await;
    let registry = work_that_succeeds()
        .task(|_: Fragile, _: &JobContext| async { Ok(()) })
        .task(|_: Careless, _: &JobContext| async { Err(anyhow!("no luck").into()) })
        .task(|_: Brief, _: &JobContext| async { Err(anyhow!(Unspeakable).into()) });
    let worker = queue.start(registry, &[]).await;
    let reason =
        async |id| until(async || reasons(queue.job(id).await.errors.as_ref()).pop()).await;
    assert_eq!(reason(fragile).await, "it panicked: it broke");
    assert_eq!(reason(careless).await, "no luck");
    assert_eq!(reason(unspeakable).await, "it panicked: no words");
    for id in [fragile, careless, unspeakable] {
        let job = queue.job(id).await;
        assert_eq!((job.state, job.attempt), (JobState::Scheduled, 1));
        assert!(job.run_at <= Utc::now() + chrono::Duration::seconds(18));
    }
    let work = queue.enqueue(Work(0).job()).await;
    queue.finished(work).await;
    worker.stop().await;
}

#[rstest]
#[tokio::test]
async fn the_longest_possible_snooze_is_accepted(#[values(Sqlite, Postgres)] backend: Backend) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let id = queue.enqueue(Work(0).job()).await;
    queue
        .run(tasks(|_, _| async {
            Err(TaskError::Snooze(Duration::MAX))
        }))
        .await;
    let job = queue.job(id).await;
    assert_eq!(job.state, JobState::Scheduled);
    assert!(job.run_at >= Utc::now() + chrono::Duration::days(365 * 100));
}
