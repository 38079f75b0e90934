//! Jobs that harm their process, among good ones.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{collections::HashMap, time::Duration};

use bare_queue::{
    JobState, NewJob, Task,
    entities::{finished_job, job, worker},
    testing::{AttemptError, DEATHS_ALLOWED},
};
use bare_testkit::{
    Backend::{self, Postgres, Sqlite},
    TestDatabase,
    process::{Process, Signal},
};
use chrono::Utc;
use fixture::{SCHEMA, unruly::Deed};
use rstest::rstest;
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QuerySelect as _,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Far more than anything here takes, so that a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long an idle process may take to stop: far less than the grace period.
const STOPS_WITHIN: Duration = Duration::from_secs(10);

/// Short, because jobs of dead processes wait for it.
const LEASE: Duration = Duration::from_secs(2);

/// A payload that is not a [`Deed`].
#[derive(Serialize, Deserialize)]
struct Spoilt;

impl Task for Spoilt {
    const KIND: &'static str = Deed::KIND;
}

/// A task that no worker knows.
#[derive(Serialize, Deserialize)]
struct Unknown;

impl Task for Unknown {
    const KIND: &'static str = "unknown";
}

fn start(database: &TestDatabase, lease: Duration) -> Process {
    let lease = lease.as_secs().to_string();
    let variables = [
        ("DATABASE_URL", database.url()),
        ("JOB_LEASE_SECONDS", &lease),
    ];
    Process::start("fixture-unruly", [], variables)
}

/// Waits until the condition holds.
async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let timely = tokio::time::timeout(PATIENCE, looking).await;
    timely.expect("this takes too long");
}

/// Stops a worker. Asserts that it exits quickly and with success, and that every line of its
/// output is a line of the log.
async fn stop(worker: &mut Process) {
    worker.signal(Signal::TERM);
    let status = worker.wait(STOPS_WITHIN).await;
    assert_eq!(status.code(), Some(0), "{:#?}", worker.lines());
    for line in worker.lines() {
        let value: serde_json::Value = serde_json::from_str(&line).expect(&line);
        assert_eq!(value["EnvVersion"], "2.0", "{line}");
        assert_eq!(value["Logger"], "fixture-worker", "{line}");
    }
}

async fn enqueue(database: &TestDatabase, job: NewJob) -> Uuid {
    job.enqueue(&database.db).await.unwrap().id
}

async fn enqueue_good(database: &TestDatabase, count: usize) {
    let jobs: Vec<NewJob> = (0..count).map(|_| Deed::Good(10).job()).collect();
    let jobs = bare_queue::enqueue_many(&database.db, jobs).await;
    jobs.unwrap();
}

/// How many jobs of the task are completed, and the most deaths of one of them.
async fn completed(database: &TestDatabase) -> (i64, i32) {
    let counted = finished_job::Entity::find()
        .select_only()
        .column_as(finished_job::Column::Id.count(), "count")
        .column_as(finished_job::Column::Deaths.max(), "deaths")
        .filter(finished_job::Column::Kind.eq(Deed::KIND))
        .filter(finished_job::Column::State.eq(JobState::Completed))
        .into_tuple::<(i64, Option<i32>)>()
        .one(&database.db);
    let (count, deaths) = counted.await.unwrap().unwrap();
    (count, deaths.unwrap_or_default())
}

async fn finished(database: &TestDatabase, id: Uuid) -> Option<finished_job::Model> {
    let job = finished_job::Entity::find_by_id(id).one(&database.db).await;
    job.unwrap()
}

/// The reasons for failed attempts in a job's `errors`.
fn reasons(errors: Option<serde_json::Value>) -> Vec<String> {
    let errors: Vec<AttemptError> = serde_json::from_value(errors.unwrap()).unwrap();
    errors.into_iter().map(|error| error.error).collect()
}

#[rstest]
#[tokio::test]
async fn a_job_that_kills_its_process_is_dead_after_five_deaths_and_the_others_complete(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(database) = TestDatabase::with_schema(backend, SCHEMA).await else {
        return;
    };
    enqueue_good(&database, 50).await;
    let killer = enqueue(&database, Deed::Kills.job()).await;
    enqueue_good(&database, 50).await;
    let mut workers = [start(&database, LEASE), start(&database, LEASE)];
    let mut deaths = 0;
    until(async || {
        for worker in &mut workers {
            if let Some(status) = worker.exit_status() {
                assert_eq!(status.code(), None, "{:?}", worker.lines());
                deaths += 1;
                *worker = start(&database, LEASE);
            }
        }
        // Skip the waits between its deaths.
        bare_queue::testing::pass(&database.db, Duration::from_hours(1)).await;
        finished(&database, killer).await.is_some() && completed(&database).await.0 == 100
    })
    .await;

    assert_eq!(deaths, DEATHS_ALLOWED);
    let killer = finished(&database, killer).await.unwrap();
    let expected = (JobState::Dead, DEATHS_ALLOWED, 0);
    assert_eq!((killer.state, killer.deaths, killer.attempt), expected);
    assert_eq!(reasons(killer.errors), ["the worker process died"; 5]);
    // From the third time on it ran alone, and interrupted no other job.
    let (_, most_deaths) = completed(&database).await;
    assert!(most_deaths <= 3, "{most_deaths}");
    for worker in &mut workers {
        stop(worker).await;
    }
}

/// The time since the last heartbeat of the only worker.
async fn silence(database: &TestDatabase) -> Option<chrono::Duration> {
    let worker = worker::Entity::find().one(&database.db).await.unwrap();
    worker.map(|worker| Utc::now() - worker.renewed_at)
}

#[rstest]
#[tokio::test]
async fn bad_jobs_harm_neither_a_thousand_others_nor_the_heartbeat(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    // Long enough that half of it is far more than a busy machine adds to a beat.
    const LEASE: Duration = Duration::from_secs(6);
    const BLOCKED: Duration = Duration::from_secs(8);

    let Some(database) = TestDatabase::with_schema(backend, SCHEMA).await else {
        return;
    };
    let once = |job: NewJob| job.max_attempts(1);
    enqueue_good(&database, 500).await;
    let bad = [
        (
            once(Spoilt.job()),
            "the payload is not this task's (Syntax at column 1)",
        ),
        (once(Deed::Panics.job()), "it panicked: as it was told to"),
        (
            once(Deed::Hangs.job().timeout(Duration::from_secs(1))),
            "it took longer than 1s",
        ),
    ];
    let mut reason_of = HashMap::new();
    for (job, reason) in bad {
        reason_of.insert(enqueue(&database, job).await, reason);
    }
    let unknown = enqueue(&database, once(Unknown.job())).await;
    // One for every thread, and longer than a lease.
    let blocking = std::thread::available_parallelism().unwrap().get();
    let blocking = i64::try_from(blocking).unwrap();
    for _ in 0..blocking {
        let block = Deed::Blocks(BLOCKED.as_millis().try_into().unwrap());
        enqueue(&database, block.job()).await;
    }
    enqueue_good(&database, 500).await;

    let mut worker = start(&database, LEASE);
    let mut longest = chrono::Duration::zero();
    until(async || {
        longest = longest.max(silence(&database).await.unwrap_or_default());
        let bad =
            finished_job::Entity::find().filter(finished_job::Column::State.eq(JobState::Dead));
        let bad = bad.count(&database.db).await.unwrap();
        completed(&database).await.0 == 1000 + blocking && bad == 3
    })
    .await;
    assert!(
        longest < chrono::Duration::from_std(LEASE / 2).unwrap(),
        "{longest}"
    );

    for (id, reason) in reason_of {
        let job = finished(&database, id).await.unwrap();
        assert_eq!((job.state, job.deaths), (JobState::Dead, 0));
        assert_eq!(reasons(job.errors), [reason]);
    }
    let unknown = job::Entity::find_by_id(unknown).one(&database.db).await;
    let unknown = unknown.unwrap().expect("it is not finished");
    assert_eq!((unknown.state, unknown.attempt), (JobState::Scheduled, 0));
    assert_eq!(reasons(unknown.errors), ["no worker knows this task"]);
    assert_eq!(completed(&database).await.1, 0, "no process died");
    stop(&mut worker).await;
}
