//! Many jobs in few statements, jobs of schedules, and completed jobs that are not kept.

use std::time::Duration;

use bare_queue::{
    NewJob, Task, enqueue_many,
    testing::{Outcome, Verdict},
    with_metadata,
};
use bare_testkit::Backend;
use rstest::rstest;

use crate::test_store::{Note, TestStore, metadata, note, report};

#[rstest]
#[tokio::test]
async fn jobs_enqueued_together_equal_jobs_enqueued_alone(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let job = |number: usize| {
        let job = Note(format!("number {number} \0 ü")).job();
        match number % 3 {
            0 => job.delay(Duration::from_mins(1)).priority(-3),
            1 => job
                .queue("slow")
                .timeout(Duration::from_secs(7))
                .max_attempts(2),
            _ => job.unique_key(format!("key {number}")),
        }
    };
    let many = with_metadata(metadata, enqueue_many(store.db(), (0..1500).map(job)));
    let many = many.await.unwrap();
    assert_eq!(many.len(), 1500);
    assert_eq!(store.count().await, 1500);
    for (number, enqueued) in many.iter().enumerate().skip(997).take(6) {
        assert!(!enqueued.is_duplicate);
        let row = store.job(enqueued.id).await;
        let alone = with_metadata(metadata, alone(&store, job(number))).await;
        assert_eq!(alone.payload, row.payload);
        let options = |row: &bare_queue::entities::job::Model| {
            (
                (row.kind.clone(), row.queue.clone(), row.priority, row.state),
                (row.max_attempts, row.timeout_seconds),
                row.metadata.clone(),
                row.run_at - row.created_at,
            )
        };
        assert_eq!(options(&alone), options(&row));
    }
}

/// The same job enqueued alone, with a new key because its own is taken.
async fn alone(store: &TestStore, job: NewJob) -> bare_queue::entities::job::Model {
    let id = job
        .unique_key(uuid::Uuid::now_v7().to_string())
        .enqueue(store.db())
        .await
        .unwrap()
        .id;
    store.job(id).await
}

#[rstest]
#[tokio::test]
async fn enqueue_many_returns_the_existing_job_of_a_taken_key(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let there = store.enqueue(note().unique_key("a")).await;
    let jobs = ["a", "b", "b"].map(|key| note().unique_key(key));
    let enqueued = enqueue_many(store.db(), jobs).await.unwrap();
    assert_eq!(enqueued[0].id, there);
    assert_eq!(enqueued[1].id, enqueued[2].id);
    assert_eq!(
        [0, 1, 2].map(|n: usize| enqueued[n].is_duplicate),
        [true, false, true]
    );
    assert_eq!(store.count().await, 2);
}

#[rstest]
#[tokio::test]
async fn many_jobs_roll_back_with_their_transaction(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let txn = bare_database::begin(store.db()).await.unwrap();
    enqueue_many(&txn, [note(), note()]).await.unwrap();
    txn.rollback().await.unwrap();
    assert_eq!(store.count().await, 0);
}

#[rstest]
#[tokio::test]
async fn a_tick_is_enqueued_once_if_several_workers_fire_it(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    assert_eq!(
        store.at(0).last_tick("s", store.time(0)).await.unwrap(),
        store.time(0)
    );
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let other = bare_queue::testing::JobStore::new(store.database.connect_again().await);
        let tick = store.time(5);
        workers.spawn(async move { other.fire("s", tick, note()).await.unwrap() });
    }
    let mut fired = 0;
    while let Some(did) = workers.join_next().await {
        fired += usize::from(did.unwrap());
    }
    assert_eq!((fired, store.count().await), (1, 1));
    assert_eq!(
        store.at(9).last_tick("s", store.time(9)).await.unwrap(),
        store.time(5)
    );
    assert!(!store.at(9).fire("s", store.time(4), note()).await.unwrap());
}

#[rstest]
#[tokio::test]
async fn a_store_that_keeps_no_completed_jobs_deletes_them_and_takes_a_report_twice(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let claimed = store.claimed_notes(2).await;
    let reports = [
        report(&claimed[0], Outcome::Completed),
        report(&claimed[1], Outcome::Dead),
    ];
    let forgetful = store.at(0).without_completed();
    for _ in 0..2 {
        let verdicts = forgetful.finish(&reports).await.unwrap();
        assert_eq!(verdicts, [Verdict::Taken, Verdict::Taken]);
    }
    assert_eq!((store.count().await, store.count_finished().await), (0, 1));
    store.finished(claimed[1].id).await;
}

#[rstest]
#[tokio::test]
async fn a_limited_queue_yields_jobs_to_limited_claims_only(
    #[values(Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    store.enqueue_notes(1).await;
    let worker = store.worker().await;
    store.at(0).limit("default", Some(5)).await.unwrap();
    assert_eq!(store.claim(worker, 1).await, []);
    let claimed = store
        .at(0)
        .claim_limited(worker, "default", 1)
        .await
        .unwrap();
    assert_eq!(claimed.len(), 1);
}
