//! Rows that somebody has changed by hand: the table refuses what no worker could read, and no other
//! number in a row holds up the jobs beside it.

use std::time::Duration;

use bare_queue::testing::{ClaimedJob, Outcome, Rescued};
use bare_testkit::Backend;
use rstest::rstest;
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use crate::test_store::{TestStore, note, report};

/// The largest numbers that the table takes, and the least where a job has any.
const LARGEST: &str = "attempt = 1000000000, lease_number = 1000000000, deaths = 1000000000, \
     max_attempts = 2147483647, timeout_seconds = 2147483647, priority = -2147483648";
const LEAST: &str = "attempt = 0, lease_number = 0, deaths = 0, \
     max_attempts = -2147483648, timeout_seconds = -2147483648, priority = -2147483648";

/// A job that somebody has changed, before an ordinary one in the same queue.
async fn changed(store: &TestStore, numbers: &str) -> [Uuid; 2] {
    let id = store.enqueue(note()).await;
    let change = format!("UPDATE job SET {numbers}");
    store.database.execute(&change).await;
    [id, store.enqueue(note()).await]
}

/// Both jobs, in their order.
async fn claim_both(store: &TestStore, worker: Uuid, ids: [Uuid; 2]) -> Vec<ClaimedJob> {
    let jobs = store.claim(worker, 10).await;
    let claimed: Vec<Uuid> = jobs.iter().map(|job| job.id).collect();
    assert_eq!(claimed, ids);
    jobs
}

#[rstest]
#[tokio::test]
async fn numbers_outside_their_range_are_refused(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values("attempt", "lease_number", "deaths")] column: &str,
    #[values("-1", "1000000001")] number: &str,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    store.enqueue(note()).await;
    let change = format!("UPDATE job SET {column} = {number}");
    let changed = store.db().execute_unprepared(&change).await;
    let error = changed.unwrap_err().to_string();
    assert!(error.to_lowercase().contains("check"), "{error}");
}

#[rstest]
#[case::a_queue_that_no_index_can_hold("queue", "repeat('q', 3000)", "printf('%03000d', 1)")]
#[case::a_kind_that_is_too_long("kind", "repeat('k', 101)", "printf('%0101d', 1)")]
#[case::a_time_that_is_none("cancel_requested_at", "'infinity'", "'soon'")]
#[tokio::test]
async fn values_that_would_hold_up_others_are_refused(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[case] column: &str,
    #[case] on_postgres: &str,
    #[case] on_sqlite: &str,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    store.enqueue(note()).await;
    let value = match backend {
        Backend::Postgres => on_postgres,
        Backend::Sqlite => on_sqlite,
    };
    let change = format!("UPDATE job SET {column} = {value}");
    let changed = store.db().execute_unprepared(&change).await;
    let error = changed.unwrap_err().to_string();
    assert!(error.to_lowercase().contains("check"), "{error}");
}

#[rstest]
#[case::a_retry(Outcome::Retry { after: Duration::ZERO })]
#[case::a_snooze(Outcome::Snooze { after: Duration::ZERO })]
#[case::a_release(Outcome::Release)]
#[tokio::test]
async fn extreme_numbers_in_a_row_do_not_hold_up_the_jobs_beside_it(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(LARGEST, LEAST)] numbers: &str,
    #[case] outcome: Outcome,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let ids = changed(&store, numbers).await;
    let worker = store.worker().await;
    let leases = |jobs: &[ClaimedJob]| jobs.iter().map(|job| job.lease_number).collect::<Vec<_>>();
    let first = claim_both(&store, worker, ids).await;
    // Attempts that somebody sets back while they run.
    store.database.execute("UPDATE job SET attempt = 0").await;
    let reports: Vec<_> = first.iter().map(|job| report(job, outcome)).collect();
    store.at(0).finish(&reports).await.unwrap();
    let second = claim_both(&store, worker, ids).await;
    for (earlier, later) in leases(&first).into_iter().zip(leases(&second)) {
        assert_ne!(earlier, later, "two claims have one lease");
    }
}

#[rstest]
#[tokio::test]
async fn the_jobs_of_a_dead_worker_are_rescued_beside_a_row_with_extreme_numbers(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(LARGEST, LEAST)] numbers: &str,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let ids = changed(&store, numbers).await;
    claim_both(&store, store.worker().await, ids).await;
    let Rescued { requeued, dead } = store.at(61).rescue().await.unwrap();
    assert_eq!(requeued + dead, 2);
    assert_eq!(store.job(ids[1]).await.deaths, 1);
}

#[rstest]
#[tokio::test]
async fn lost_jobs_are_given_back_beside_a_row_with_extreme_numbers(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(LARGEST, LEAST)] numbers: &str,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let ids = changed(&store, numbers).await;
    let worker = store.worker().await;
    claim_both(&store, worker, ids).await;
    assert_eq!(store.at(0).reconcile(worker, &[]).await.unwrap(), 2);
    claim_both(&store, worker, ids).await;
}
