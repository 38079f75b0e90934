//! Waking the workers: PostgreSQL notifies of new jobs.

use std::time::Duration;

use bare_queue::testing::NOTIFY_CHANNEL;
use bare_testkit::Backend;
use sqlx::postgres::PgListener;
use tokio::time::timeout;

use crate::test_store::{TestStore, note};

/// Longer than wake-ups are throttled, even if other tests of this process use the throttle too.
const BETWEEN: Duration = Duration::from_millis(15);

async fn listener(store: &TestStore) -> PgListener {
    let url = store.database.url().parse().unwrap();
    let pool = bare_database::listener_pool(&url, "listener").unwrap();
    let mut listener = PgListener::connect_with(&pool).await.unwrap();
    listener.listen(NOTIFY_CHANNEL).await.unwrap();
    listener
}

/// Enqueues until a notification arrives, and returns the queue that it names.
async fn first_heard(store: &TestStore, listener: &mut PgListener, queue: &str) -> String {
    for _ in 0..1000 {
        store.enqueue(note().queue(queue)).await;
        if let Ok(heard) = timeout(BETWEEN, listener.recv()).await {
            return heard.unwrap().payload().to_owned();
        }
    }
    panic!("no notification arrived");
}

#[tokio::test]
async fn a_committed_job_notifies_with_the_name_of_its_queue() {
    let Some(store) = TestStore::open(Backend::Postgres).await else {
        return;
    };
    let mut listener = listener(&store).await;
    assert_eq!(first_heard(&store, &mut listener, "slow").await, "slow");
}

#[tokio::test]
async fn a_job_that_was_rolled_back_does_not_notify() {
    let Some(store) = TestStore::open(Backend::Postgres).await else {
        return;
    };
    let mut listener = listener(&store).await;
    for _ in 0..20 {
        let txn = bare_database::begin(store.db()).await.unwrap();
        note().queue("rolled-back").enqueue(&txn).await.unwrap();
        txn.rollback().await.unwrap();
        tokio::time::sleep(BETWEEN).await;
    }
    assert_eq!(
        first_heard(&store, &mut listener, "committed").await,
        "committed"
    );
}

#[tokio::test]
async fn a_job_notifies_only_when_its_transaction_commits() {
    let Some(store) = TestStore::open(Backend::Postgres).await else {
        return;
    };
    let mut listener = listener(&store).await;
    let txn = bare_database::begin(store.db()).await.unwrap();
    for _ in 0..20 {
        note().queue("late").enqueue(&txn).await.unwrap();
        assert!(timeout(BETWEEN, listener.recv()).await.is_err());
    }
    txn.commit().await.unwrap();
    let heard = timeout(Duration::from_secs(5), listener.recv()).await;
    assert_eq!(heard.unwrap().unwrap().payload(), "late");
}

#[tokio::test]
async fn a_delayed_job_does_not_notify() {
    let Some(store) = TestStore::open(Backend::Postgres).await else {
        return;
    };
    let mut listener = listener(&store).await;
    for _ in 0..20 {
        store
            .enqueue(note().queue("later").delay(Duration::from_mins(1)))
            .await;
        tokio::time::sleep(BETWEEN).await;
    }
    assert_eq!(first_heard(&store, &mut listener, "now").await, "now");
}

#[tokio::test]
async fn a_released_job_and_a_rescued_job_notify() {
    let Some(store) = TestStore::open(Backend::Postgres).await else {
        return;
    };
    store.enqueue(note().queue("lost")).await;
    let worker = store.worker().await;
    let claim = async || {
        let claimed = store.at(0).claim(worker, "lost", 1).await.unwrap();
        assert_eq!(claimed.len(), 1);
    };
    claim().await;
    let mut listener = listener(&store).await;
    let mut heard = async || {
        let heard = timeout(Duration::from_secs(5), listener.recv()).await;
        heard.unwrap().unwrap().payload().to_owned()
    };
    store.at(0).reconcile(worker, &[]).await.unwrap();
    assert_eq!(heard().await, "lost");
    claim().await;
    store.at(1_000).rescue().await.unwrap();
    assert_eq!(heard().await, "lost");
}
