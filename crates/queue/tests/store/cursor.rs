//! Repeated claims while PostgreSQL must keep the dead rows of earlier ones.

use std::time::{Duration, Instant};

use bare_queue::testing::ClaimCursor;
use bare_testkit::Backend;
use sea_orm::ConnectionTrait as _;
use uuid::Uuid;

use crate::{
    session::Session,
    test_store::{TestStore, ids, note},
};

/// Inserts jobs that have waited for longer than a cursor looks back.
fn old_jobs(number: u32) -> String {
    format!(
        "INSERT INTO job (id, kind, queue, state, payload, max_attempts, run_at, created_at)
         SELECT gen_random_uuid(), 'note', 'default', 'available', '{{}}', 1,
                now() - interval '1 minute', now()
         FROM generate_series(1, {number})"
    )
}

#[tokio::test]
async fn a_cursor_does_not_read_the_dead_rows_of_earlier_claims() {
    let Some(store) = TestStore::open(Backend::Postgres).await else {
        return;
    };
    store.database.execute(&old_jobs(1000)).await;
    store.database.execute("ANALYZE job").await;
    let reader = bare_database::begin(store.db()).await.unwrap();
    let look = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT FROM job";
    reader.execute_unprepared(look).await.unwrap();

    let (session, worker) = (Session::open(&store).await, store.worker().await);
    let mut cursor = ClaimCursor::new(session.store(), "default").with_patience(Duration::ZERO);
    assert_eq!(cursor.claim(worker, 2000).await.unwrap().len(), 1000);
    assert_eq!(cursor.claim(worker, 2000).await.unwrap(), []);
    let before = session.read_of_index("job_claim").await;
    let id = store.enqueue(note()).await;
    assert_eq!(ids(&cursor.claim(worker, 2000).await.unwrap()), [id]);
    assert_eq!(session.read_of_index("job_claim").await - before, 1);
    reader.commit().await.unwrap();
}

#[tokio::test]
async fn the_lowest_priority_comes_first_even_when_claims_are_slow() {
    let Some(store) = TestStore::open(Backend::Postgres).await else {
        return;
    };
    let (session, worker) = (Session::open(&store).await, store.worker().await);
    let mut cursor = ClaimCursor::new(session.store(), "default").with_patience(Duration::ZERO);
    for priority in [7, -3] {
        store.enqueue(note().priority(priority)).await;
    }
    assert_eq!(cursor.claim(worker, 10).await.unwrap().len(), 2);
    assert_eq!(cursor.claim(worker, 10).await.unwrap(), []);
    store.database.execute(&old_jobs(1)).await;
    let later = store.enqueue(note().priority(7)).await;
    let first = store.enqueue(note().priority(-3)).await;
    assert_eq!(ids(&cursor.claim(worker, 1).await.unwrap()), [first]);
    assert_eq!(ids(&cursor.claim(worker, 10).await.unwrap()), [later]);
}

const OLD_JOBS: u32 = 3;

/// Calls `found` with a cursor that had left nothing, after old jobs were inserted.
async fn after_old_jobs(patience: Duration, found: impl AsyncFnOnce(ClaimCursor, Uuid)) {
    let Some(store) = TestStore::open(Backend::Postgres).await else {
        return;
    };
    let (session, worker) = (Session::open(&store).await, store.worker().await);
    let mut cursor = ClaimCursor::new(session.store(), "default").with_patience(patience);
    store.enqueue(note()).await;
    assert_eq!(cursor.claim(worker, 10).await.unwrap().len(), 1);
    assert_eq!(cursor.claim(worker, 10).await.unwrap(), []);
    store.database.execute(&old_jobs(OLD_JOBS)).await;
    found(cursor, worker).await;
}

#[tokio::test]
async fn old_jobs_that_come_late_are_found_even_when_claims_are_slow() {
    after_old_jobs(Duration::ZERO, async |mut cursor, worker| {
        let begun = Instant::now();
        while cursor.claim(worker, 1).await.unwrap().is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(20), "it is not found");
        }
        for _ in 1..OLD_JOBS {
            assert_eq!(cursor.claim(worker, 1).await.unwrap().len(), 1);
        }
    })
    .await;
}

#[tokio::test]
async fn old_jobs_that_come_late_are_found_at_once_when_claims_are_quick() {
    after_old_jobs(Duration::MAX, async |mut cursor, worker| {
        assert_eq!(
            cursor.claim(worker, 10).await.unwrap().len(),
            OLD_JOBS as usize
        );
    })
    .await;
}
