//! The health of the queues.

use std::time::Duration;

use bare_queue::{
    checks,
    entities::job,
    testing::{Health, Outcome},
};
use bare_testkit::Backend;
use rstest::rstest;
use sea_orm::{EntityTrait, sea_query::Expr};

use crate::test_store::{TestStore, note, report};

const HOUR: Duration = Duration::from_hours(1);

/// Sets the time at which all jobs were due, in seconds after the start.
async fn waits_since(store: &TestStore, seconds: i64) {
    let jobs = job::Entity::update_many();
    let jobs = jobs.col_expr(job::Column::RunAt, Expr::value(store.time(seconds)));
    jobs.exec(store.db()).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_queue_is_unattended_while_jobs_wait_and_no_live_worker_claims_from_it(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    assert_eq!(store.at(0).health(HOUR).await.unwrap(), Health::default());

    for (queue, priority) in [("default", 0), ("default", 7), ("mail", -1), ("mail", 3)] {
        let job = note().queue(queue).priority(priority);
        store.enqueue(job).await;
    }
    let unattended = async |seconds| store.at(seconds).health(HOUR).await.unwrap().unattended;
    assert_eq!(unattended(0).await, ["default", "mail"]);
    // Its queue is `default`, and its lease a minute.
    store.worker().await;
    assert_eq!(unattended(59).await, ["mail"]);
    assert_eq!(unattended(61).await, ["default", "mail"]);
    store.at(61).pause("mail").await.unwrap();
    assert_eq!(unattended(61).await, ["default"]);
}

#[rstest]
#[tokio::test]
async fn the_longest_wait_is_that_of_the_job_that_was_due_first(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let wait = async |seconds| {
        let health = store.at(seconds).health(HOUR).await.unwrap();
        health.longest_wait.map(|wait| wait.as_secs())
    };
    assert_eq!(wait(100).await, None);
    store.enqueue(note().priority(5)).await;
    waits_since(&store, -50).await;
    store.enqueue(note()).await;
    assert_eq!(wait(100).await, Some(150));
}

#[rstest]
#[tokio::test]
async fn only_jobs_that_died_recently_are_counted(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let jobs = store.claimed_notes(2).await;
    let reports = [
        report(&jobs[0], Outcome::Dead),
        report(&jobs[1], Outcome::Completed),
    ];
    store.at(1).finish(&reports).await.unwrap();
    assert_eq!(store.at(3600).health(HOUR).await.unwrap().dead, 1);
    assert_eq!(store.at(3602).health(HOUR).await.unwrap().dead, 0);
}

#[rstest]
#[tokio::test]
async fn the_queue_check_warns_of_every_problem_and_is_silent_otherwise(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    assert_eq!(checks::queues(store.db()).await, []);
    let dying = store.claimed().await;
    let dead = [report(&dying, Outcome::Dead)];
    store.at(0).finish(&dead).await.unwrap();
    store.enqueue(note().queue("mail")).await;
    waits_since(&store, -360).await;
    let found = checks::queues(store.db()).await;
    let ids: Vec<&str> = found.iter().map(|finding| finding.id).collect();
    assert_eq!(ids, ["queue.0001", "queue.0002", "queue.0003"]);
    assert!(found[0].message.ends_with("serves: mail"), "{found:?}");
}
