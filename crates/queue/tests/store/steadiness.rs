//! When a rescue is due: after a whole lease in which the heartbeats of any workers had no gap.

use std::{ops::RangeInclusive, time::Duration};

use bare_queue::{
    JobState,
    testing::{Heartbeat, heartbeat_interval},
};
use bare_testkit::Backend;
use rstest::rstest;
use uuid::Uuid;

use crate::test_store::{LEASE, TestStore};

const RENEWED: Heartbeat = Heartbeat::Renewed {
    rescue_is_due: false,
    clock_is_back: false,
};
const RESCUE: Heartbeat = Heartbeat::Renewed {
    rescue_is_due: true,
    clock_is_back: false,
};

impl TestStore {
    /// A worker registers and dies at once. Its lease is over a second later.
    async fn dead_at(&self, second: i64) {
        let store = self.at(second);
        let lease = Duration::from_secs(1);
        let registered = store.register_worker(Uuid::new_v4(), "host", "default:10", lease);
        registered.await.unwrap();
    }

    async fn heartbeat(&self, worker: Uuid, second: i64) -> Heartbeat {
        let heartbeat = self.at(second).heartbeat(worker, LEASE).await;
        heartbeat.unwrap()
    }

    /// Sends regular heartbeats. No rescue may be due at any of them.
    async fn heartbeats(&self, workers: &[Uuid], seconds: RangeInclusive<i64>) {
        let interval = heartbeat_interval(LEASE).as_secs();
        for second in seconds.step_by(interval.try_into().unwrap()) {
            for worker in workers {
                let answer = self.heartbeat(*worker, second).await;
                assert_eq!(answer, RENEWED, "after {second} s");
            }
        }
    }
}

#[rstest]
#[tokio::test]
async fn a_rescue_is_due_only_after_a_lease_of_heartbeats_without_a_gap(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    store.dead_at(0).await;
    let worker = store.worker().await;
    store.heartbeats(&[worker], 2..=58).await;
    assert_eq!(store.heartbeat(worker, 60).await, RESCUE);
}

#[rstest]
#[tokio::test]
async fn after_an_outage_no_rescue_is_due_for_the_length_of_a_lease(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let (first, second) = (store.worker().await, store.worker().await);
    store.heartbeats(&[first, second], 2..=80).await;
    // The leases of both are over when the first is back.
    assert_eq!(store.heartbeat(first, 200).await, RENEWED);
    let new = store.worker_at(202).await;
    store.heartbeats(&[new], 204..=258).await;
    assert_eq!(
        store.heartbeat(first, 260).await,
        RESCUE,
        "the second did not come back"
    );
}

#[rstest]
#[tokio::test]
async fn a_short_outage_that_ends_no_lease_also_delays_a_rescue(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let worker = store.worker().await;
    store.heartbeats(&[worker], 2..=80).await;
    store.dead_at(80).await;
    store.heartbeats(&[worker], 85..=143).await;
    assert_eq!(store.heartbeat(worker, 145).await, RESCUE);
}

#[rstest]
#[tokio::test]
async fn the_replacement_of_a_dead_worker_can_rescue_at_once(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let dies = store.worker().await;
    store.heartbeats(&[dies], 2..=80).await;
    store.dead_at(80).await;
    let new = store.worker_at(83).await;
    assert_eq!(store.heartbeat(new, 85).await, RESCUE);
}

#[rstest]
#[tokio::test]
async fn workers_that_all_die_within_a_lease_rescue_each_other_s_jobs(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    store.enqueue_notes(1).await;
    let first = store.worker().await;
    store.claim(first, 1).await;
    let mut second = 0;
    while second < 60 {
        let next = store.worker_at(second + 3).await;
        store.heartbeats(&[next], second + 3..=second + 5).await;
        second += 5;
    }
    let last = store.worker_at(second + 3).await;
    assert_eq!(store.heartbeat(last, second + 3).await, RESCUE);
    let rescued = store.at(second + 3).rescue().await.unwrap();
    assert_eq!(rescued.requeued, 1);
}

#[rstest]
#[tokio::test]
async fn a_gap_in_the_heartbeats_of_one_worker_does_not_delay_a_rescue(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let (held_up, beats) = (store.worker().await, store.worker().await);
    store.heartbeats(&[beats], 2..=50).await;
    store.heartbeats(&[held_up], 50..=50).await;
    store.heartbeats(&[beats], 52..=80).await;
    store.dead_at(80).await;
    assert_eq!(store.heartbeat(held_up, 82).await, RESCUE);
}

#[rstest]
#[tokio::test]
async fn a_running_job_without_a_worker_is_due_for_rescue(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let claimed = store.claimed().await;
    let worker = store.worker().await;
    store.heartbeats(&[worker], 2..=60).await;
    store
        .database
        .execute("DELETE FROM worker WHERE renewed_at = started_at")
        .await;
    let has_orphans = async |second| {
        store.heartbeats(&[worker], second..=second).await;
        let leases = store.at(second).leases(worker, LEASE).await;
        leases.unwrap().has_orphans
    };
    assert!(has_orphans(62).await);
    store.at(62).rescue().await.unwrap();
    assert_eq!(store.job(claimed.id).await.state, JobState::Available);
    assert!(!has_orphans(64).await);
}
