//! Unique keys: a task has at most one unfinished job of each.

use std::time::Duration;

use bare_queue::{Enqueued, Task, entities::queue, testing::Outcome};
use bare_testkit::{Backend, TestDatabase};
use rstest::rstest;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ConnectionTrait, EntityTrait, Statement};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::test_store::{TestStore, note, report};

/// A statement that waits for another transaction takes longer than this.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Serialize, Deserialize)]
struct Other;

impl Task for Other {
    const KIND: &'static str = "other";
}

#[rstest]
#[tokio::test]
async fn enqueueing_a_duplicate_returns_the_existing_job(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let first = note().unique_key("a").enqueue(store.db()).await.unwrap();
    let second = note().unique_key("a").enqueue(store.db()).await.unwrap();
    assert!(!first.is_duplicate);
    let expected = Enqueued {
        id: first.id,
        is_duplicate: true,
    };
    assert_eq!(second, expected);
    assert_eq!(store.count().await, 1);
}

#[rstest]
#[tokio::test]
async fn a_duplicate_does_not_fail_its_transaction(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    store.enqueue(note().unique_key("a")).await;
    let txn = bare_database::begin(store.db()).await.unwrap();
    let duplicate = note().unique_key("a").enqueue(&txn).await.unwrap();
    assert!(duplicate.is_duplicate);
    let other = queue::ActiveModel {
        name: Set("another table".to_owned()),
        ..Default::default()
    };
    other.insert(&txn).await.unwrap();
    txn.commit().await.unwrap();
    assert!(
        queue::Entity::find()
            .one(store.db())
            .await
            .unwrap()
            .is_some()
    );
}

#[rstest]
#[tokio::test]
async fn a_unique_key_is_per_task(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let jobs = || [note(), Other.job()].map(|job| job.unique_key("a"));
    let mut first = Vec::new();
    for job in jobs() {
        first.push(job.enqueue(store.db()).await.unwrap());
    }
    assert!(first.iter().all(|job| !job.is_duplicate));
    for (job, first) in jobs().into_iter().zip(first) {
        let second = job.enqueue(store.db()).await.unwrap();
        assert_eq!((second.id, second.is_duplicate), (first.id, true));
    }
    let another = note().unique_key("b").enqueue(store.db()).await;
    assert!(!another.unwrap().is_duplicate);
}

#[rstest]
#[tokio::test]
async fn jobs_without_a_key_are_never_duplicates(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    store.enqueue_notes(2).await;
    assert_eq!(store.count().await, 2);
}

#[rstest]
#[tokio::test]
async fn a_unique_key_is_taken_while_its_job_runs_or_waits_for_a_retry(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    store.enqueue(note().unique_key("a")).await;
    let claimed = store.claim(store.worker().await, 1).await.remove(0);
    let duplicate = note().unique_key("a").enqueue(store.db()).await.unwrap();
    assert_eq!((duplicate.id, duplicate.is_duplicate), (claimed.id, true));

    let after = Duration::from_mins(1);
    let retry = report(&claimed, Outcome::Retry { after });
    store.at(0).finish(&[retry]).await.unwrap();
    let duplicate = note().unique_key("a").enqueue(store.db()).await.unwrap();
    assert_eq!((duplicate.id, duplicate.is_duplicate), (claimed.id, true));
}

#[rstest]
#[tokio::test]
async fn a_unique_key_is_free_again_when_its_job_has_ended(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(Outcome::Completed, Outcome::Dead, Outcome::Cancelled)] end: Outcome,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    store.enqueue(note().unique_key("a")).await;
    let claimed = store.claim(store.worker().await, 1).await.remove(0);
    store.at(0).finish(&[report(&claimed, end)]).await.unwrap();
    let next = note().unique_key("a").enqueue(store.db()).await.unwrap();
    assert!(!next.is_duplicate);
    assert_eq!(
        store.finished(claimed.id).await.unique_key.as_deref(),
        Some("a")
    );
}

/// Starts a transaction that enqueues a job with a key that another open transaction has taken, and
/// returns when it waits for that transaction.
async fn rival(database: &TestDatabase) -> tokio::task::JoinHandle<Enqueued> {
    let db = database.connect_again().await;
    let rival = tokio::spawn(async move {
        let txn = bare_database::begin(&db).await.unwrap();
        let enqueued = note().unique_key("a").enqueue(&txn).await.unwrap();
        txn.commit().await.unwrap();
        enqueued
    });
    // On SQLite a waiting writer cannot be seen, but there is only one writer at a time.
    if database.backend() == Backend::Postgres {
        timeout(PATIENCE, somebody_waits(database)).await.unwrap();
    }
    assert!(!rival.is_finished());
    rival
}

async fn somebody_waits(database: &TestDatabase) {
    let sql = "SELECT FROM pg_stat_activity
               WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let statement = || Statement::from_string(database.db.get_database_backend(), sql);
    while database
        .db
        .query_one_raw(statement())
        .await
        .unwrap()
        .is_none()
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[rstest]
#[tokio::test]
async fn the_second_of_two_concurrent_transactions_gets_the_job_of_the_first(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let txn = bare_database::begin(store.db()).await.unwrap();
    let first = note().unique_key("a").enqueue(&txn).await.unwrap();
    let rival = rival(&store.database).await;
    txn.commit().await.unwrap();
    let second = timeout(PATIENCE, rival).await.unwrap().unwrap();
    assert_eq!((second.id, second.is_duplicate), (first.id, true));
    assert_eq!(store.count().await, 1);
}

#[rstest]
#[tokio::test]
async fn the_second_of_two_concurrent_transactions_gets_the_key_if_the_first_rolls_back(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let txn = bare_database::begin(store.db()).await.unwrap();
    note().unique_key("a").enqueue(&txn).await.unwrap();
    let rival = rival(&store.database).await;
    txn.rollback().await.unwrap();
    let second = timeout(PATIENCE, rival).await.unwrap().unwrap();
    assert!(!second.is_duplicate);
    store.job(second.id).await;
}

/// On PostgreSQL only: on SQLite any open transaction that writes holds up the others.
#[tokio::test]
async fn an_open_transaction_with_a_duplicate_does_not_hold_up_the_end_of_the_job() {
    let Some(store) = TestStore::open(Backend::Postgres).await else {
        return;
    };
    store.enqueue(note().unique_key("a")).await;
    let claimed = store.claim(store.worker().await, 1).await.remove(0);
    let txn = bare_database::begin(store.db()).await.unwrap();
    note().unique_key("a").enqueue(&txn).await.unwrap();
    let (store_now, reports) = (store.at(0), [report(&claimed, Outcome::Completed)]);
    timeout(PATIENCE, store_now.finish(&reports))
        .await
        .unwrap()
        .unwrap();
    txn.commit().await.unwrap();
    store.finished(claimed.id).await;
}
