//! A clock that was ahead and is right again: times that were stored meanwhile do not count.

use std::time::Duration;

use bare_queue::{JobState, testing::Heartbeat};
use bare_testkit::Backend;
use rstest::rstest;
use uuid::Uuid;

use crate::test_store::{LEASE, TestStore, note};

/// How far ahead the clock was, in seconds.
const AHEAD: i64 = 7200;

async fn heartbeat(store: &TestStore, worker: Uuid, second: i64) -> (bool, bool) {
    match store.at(second).heartbeat(worker, LEASE).await.unwrap() {
        Heartbeat::Renewed {
            rescue_is_due,
            clock_is_back,
        } => (rescue_is_due, clock_is_back),
        Heartbeat::Unknown => panic!("the worker is not known"),
    }
}

#[rstest]
#[tokio::test]
async fn jobs_of_workers_that_died_while_the_clock_was_ahead_are_rescued_a_lease_after_it_is_right(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(AHEAD, 60)] ahead: i64,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let job = store.enqueue(note()).await;
    let (dies, lives) = (store.worker_at(ahead).await, store.worker_at(ahead).await);
    let claimed = store.at(ahead).claim(dies, "default", 1).await.unwrap();
    assert_eq!(claimed.len(), 1);
    let known = async |second| store.at(second).live_workers().await.unwrap().len();
    assert_eq!(known(ahead).await, 2);

    assert_eq!(known(0).await, 0, "no worker is live by the right clock");
    assert_eq!(heartbeat(&store, lives, 0).await, (false, true));
    assert_eq!(store.at(0).renew_future_leases().await.unwrap(), 1);
    assert_eq!(known(0).await, 2);
    for second in (2..=60).step_by(2) {
        assert_eq!(heartbeat(&store, lives, second).await, (false, false));
    }
    assert_eq!(heartbeat(&store, lives, 62).await, (true, false));
    assert_eq!(store.at(62).rescue().await.unwrap().requeued, 1);
    assert_eq!(store.job(job).await.state, JobState::Available);
}

#[rstest]
#[tokio::test]
async fn a_lease_in_the_future_keeps_its_length_when_it_restarts(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let (worker, lease) = (Uuid::new_v4(), Duration::from_secs(10));
    let ahead = store.at(AHEAD);
    let registered = ahead.register_worker(worker, "host", "default", lease);
    registered.await.unwrap();
    assert_eq!(store.at(0).renew_future_leases().await.unwrap(), 1);
    let known = async |second| store.at(second).live_workers().await.unwrap().len();
    assert_eq!((known(9).await, known(11).await), (1, 0));
    assert_eq!(store.at(0).renew_future_leases().await.unwrap(), 0);
}

/// The last tick of a schedule, in seconds after the start of the test.
async fn last_tick(store: &TestStore, second: i64) -> i64 {
    let last = store.at(second).last_tick("test", store.time(second)).await;
    (last.unwrap() - store.time(0)).num_seconds()
}

#[rstest]
#[tokio::test]
async fn a_schedule_whose_last_tick_is_far_in_the_future_begins_now(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let last = async |second| last_tick(&store, second).await;
    assert_eq!(last(AHEAD).await, AHEAD);
    assert_eq!(last(0).await, 0);
    assert_eq!(last(1).await, 0, "it is not stored");
    let fired = store.at(2).fire("test", store.time(2), note()).await;
    assert!(fired.unwrap());
}

#[rstest]
#[tokio::test]
async fn no_tick_fires_twice_if_the_clock_is_set_back_by_less_than_a_minute(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let last = async |second| last_tick(&store, second).await;
    assert_eq!(last(50).await, 50);
    assert_eq!(last(0).await, 50);
}
