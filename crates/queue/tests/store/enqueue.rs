//! Enqueueing: a row in the caller's transaction, with its options.

use std::time::Duration;

use bare_queue::{
    JobState, NewJob, Task,
    entities::{finished_job, job},
    testing::PAYLOAD_LIMIT,
    with_metadata,
};
use bare_testkit::Backend;
use chrono::{TimeDelta, Utc};
use rstest::rstest;
use sea_orm::EntityTrait;
use serde::{Deserialize, Serialize};

use crate::test_store::{Note, TestStore, metadata, note};

#[rstest]
#[tokio::test]
async fn a_job_whose_transaction_rolled_back_does_not_exist(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let txn = bare_database::begin(store.db()).await.unwrap();
    note().enqueue(&txn).await.unwrap();
    txn.rollback().await.unwrap();
    assert_eq!(store.count().await, 0);
}

#[rstest]
#[tokio::test]
async fn a_job_exists_once_its_transaction_has_committed(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let other = store.database.connect_again().await;
    let txn = bare_database::begin(store.db()).await.unwrap();
    let job = note().enqueue(&txn).await.unwrap();
    let seen = job::Entity::find_by_id(job.id).one(&other).await.unwrap();
    assert_eq!(seen, None);
    txn.commit().await.unwrap();
    let seen = job::Entity::find_by_id(job.id).one(&other).await.unwrap();
    assert!(seen.is_some());
}

#[derive(Serialize, Deserialize)]
struct Invoice {
    number: u32,
}

impl Task for Invoice {
    const KIND: &'static str = "invoice";
    const QUEUE: &'static str = "mail";
    const PRIORITY: i32 = 7;
    const MAX_ATTEMPTS: i32 = 3;
}

#[rstest]
#[tokio::test]
async fn a_new_job_has_the_options_of_its_task(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let before = store.time(0);
    let enqueued = Invoice { number: 12 }.enqueue(store.db()).await.unwrap();
    assert!(!enqueued.is_duplicate);
    let job = store.job(enqueued.id).await;
    assert!((before..=Utc::now()).contains(&job.created_at));
    let expected = job::Model {
        id: enqueued.id,
        kind: "invoice".to_owned(),
        queue: "mail".to_owned(),
        priority: 7,
        state: JobState::Available,
        payload: serde_json::json!({ "number": 12 }),
        attempt: 0,
        max_attempts: 3,
        timeout_seconds: None,
        unique_key: None,
        run_at: job.created_at,
        created_at: job.created_at,
        started_at: None,
        worker_id: None,
        lease_number: 0,
        deaths: 0,
        cancel_requested_at: None,
        errors: None,
        metadata: None,
    };
    assert_eq!(job, expected);
}

#[rstest]
#[tokio::test]
async fn the_options_of_a_job_override_those_of_its_task(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let job = Invoice { number: 12 }
        .job()
        .queue("slow")
        .priority(-3)
        .max_attempts(9)
        .timeout(Duration::from_mins(2))
        .unique_key("12");
    let job = store.job(store.enqueue(job).await).await;
    assert_eq!((job.queue.as_str(), job.priority), ("slow", -3));
    assert_eq!((job.max_attempts, job.timeout_seconds), (9, Some(120)));
    assert_eq!(job.unique_key.as_deref(), Some("12"));
}

#[rstest]
#[case::a_queue_no_setting_can_name(note().queue("high priority"), "no name of a queue")]
#[case::a_queue_without_a_name(note().queue(""), "no name of a queue")]
#[case::a_long_queue(note().queue("q".repeat(101)), "no name of a queue")]
#[case::a_line_feed(note().queue("a\nb:1|c"), "no name of a queue")]
#[case::a_long_key(note().unique_key("k".repeat(1001)), "has 1001 bytes, more than 1000")]
#[case::a_null_character(note().unique_key("a\0b"), "has a null character")]
#[tokio::test]
async fn a_job_whose_name_or_key_breaks_its_rule_is_refused(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[case] job: NewJob,
    #[case] expected: &str,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let error = job.enqueue(store.db()).await.unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
    let key = note().unique_key("k".repeat(1000)).queue("q".repeat(100));
    store.enqueue(key).await;
    assert_eq!(store.count().await, 1);
}

#[rstest]
#[tokio::test]
async fn a_delayed_job_is_scheduled_for_the_end_of_its_delay(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let id = store
        .enqueue(note().delay(Duration::from_millis(90_250)))
        .await;
    let job = store.job(id).await;
    assert_eq!(job.state, JobState::Scheduled);
    assert_eq!(job.run_at - job.created_at, TimeDelta::milliseconds(90_250));
}

#[rstest]
#[tokio::test]
async fn the_longest_possible_delay_is_accepted(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let job = store
        .job(store.enqueue(note().delay(Duration::MAX)).await)
        .await;
    assert_eq!(job.state, JobState::Scheduled);
    assert!(job.run_at > Utc::now() + TimeDelta::days(365 * 100));
}

#[rstest]
#[tokio::test]
async fn a_job_has_at_least_one_attempt(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let id = store.enqueue(note().max_attempts(0)).await;
    assert_eq!(store.job(id).await.max_attempts, 1);
}

#[rstest]
#[tokio::test]
async fn a_job_keeps_the_metadata_of_its_request(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let id = with_metadata(metadata, store.enqueue(note())).await;
    let job = store.job(id).await;
    let kept = job.metadata.clone().unwrap();
    assert_eq!(serde_json::from_value(kept).ok(), Some(metadata()));
    let shown = store.at(0).show(id).await.unwrap().unwrap();
    assert_eq!(
        serde_json::to_value(shown.metadata).unwrap(),
        job.metadata.unwrap()
    );
    let claimed = store.claim(store.worker().await, 1).await.remove(0);
    assert_eq!(claimed.metadata, metadata());
}

#[rstest]
#[tokio::test]
async fn a_claimed_payload_is_the_one_that_was_enqueued(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let text = "zażółć \"gęślą\" \\ \u{0} \n jaźń 🦀";
    Note(text.to_owned()).enqueue(store.db()).await.unwrap();
    let claimed = store.claim(store.worker().await, 1).await.remove(0);
    let payload: Note = serde_json::from_str(&claimed.payload).unwrap();
    assert_eq!(payload.0, text);
}

#[rstest]
#[tokio::test]
async fn a_payload_over_the_limit_is_refused(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    // As JSON it is two quotation marks longer.
    let largest = Note("x".repeat(PAYLOAD_LIMIT - 2));
    largest.enqueue(store.db()).await.unwrap();
    let larger = Note("x".repeat(PAYLOAD_LIMIT - 1));
    let error = larger.enqueue(store.db()).await.unwrap_err();
    let expected = "the payload of note has 1048577 bytes, more than 1048576";
    assert!(error.to_string().contains(expected), "{error}");
    assert_eq!(store.count().await, 1);
    assert_eq!(
        finished_job::Entity::find().one(store.db()).await.unwrap(),
        None
    );
}
