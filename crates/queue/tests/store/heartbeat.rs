//! Leases: how a worker keeps its jobs, and releases those that it does not hold.

use bare_queue::{
    JobState,
    entities::{job, worker},
    testing::Heartbeat,
};
use bare_testkit::Backend;
use rstest::rstest;
use sea_orm::EntityTrait;
use uuid::Uuid;

use crate::test_store::{LEASE, TestStore, note};

#[rstest]
#[tokio::test]
async fn a_registered_worker_has_a_row_with_its_lease(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let id = store.worker_at(3).await;
    let row = worker::Entity::find_by_id(id)
        .one(store.db())
        .await
        .unwrap();
    let expected = worker::Model {
        id,
        hostname: "host".to_owned(),
        queues: "default:10".to_owned(),
        started_at: store.time(3),
        renewed_at: store.time(3),
        steady_since: store.time(3),
        expires_at: store.time(3) + LEASE,
    };
    assert_eq!(row, Some(expected));
}

#[rstest]
#[tokio::test]
async fn a_heartbeat_renews_only_the_lease_of_its_worker(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let (id, other) = (store.worker().await, store.worker().await);
    store.at(50).heartbeat(id, LEASE).await.unwrap();
    let expiry = async |id| {
        let row = worker::Entity::find_by_id(id).one(store.db()).await;
        row.unwrap().unwrap().expires_at
    };
    assert_eq!(expiry(id).await, store.time(50) + LEASE);
    assert_eq!(expiry(other).await, store.time(0) + LEASE);
}

#[rstest]
#[tokio::test]
async fn a_heartbeat_of_an_unregistered_worker_is_answered_as_unknown(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let unknown = store.at(0).heartbeat(Uuid::new_v4(), LEASE).await;
    assert_eq!(unknown.unwrap(), Heartbeat::Unknown);
    let worker = store.worker().await;
    store.at(61).rescue().await.unwrap();
    let unknown = store.at(61).heartbeat(worker, LEASE).await;
    assert_eq!(unknown.unwrap(), Heartbeat::Unknown);
}

#[rstest]
#[tokio::test]
async fn a_worker_that_deregisters_is_removed(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let (stops, stays) = (store.worker().await, store.worker().await);
    store.at(0).deregister_worker(stops).await.unwrap();
    let left = worker::Entity::find().all(store.db()).await.unwrap();
    assert_eq!(left.iter().map(|row| row.id).collect::<Vec<_>>(), [stays]);
    // A second time does no harm.
    store.at(0).deregister_worker(stops).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_job_that_its_worker_does_not_hold_is_released_at_no_cost(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    store.enqueue_notes(1).await;
    let worker = store.worker().await;
    let claimed = store.claim(worker, 1).await.remove(0);
    let running = store.job(claimed.id).await;
    assert_eq!(store.at(5).reconcile(worker, &[]).await.unwrap(), 1);
    let expected = job::Model {
        state: JobState::Available,
        worker_id: None,
        attempt: 0,
        lease_number: 2,
        ..running
    };
    assert_eq!(store.job(claimed.id).await, expected);
}

#[rstest]
#[tokio::test]
async fn reconciling_changes_only_leased_jobs_that_the_worker_does_not_hold(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let mut untouched = store.enqueue_notes(4).await;
    let (worker, other) = (store.worker().await, store.worker().await);
    let held: Vec<_> = store
        .claim(worker, 2)
        .await
        .iter()
        .map(|job| (job.id, job.lease_number))
        .collect();
    store.claim(other, 1).await;
    untouched.push(store.enqueue(note().delay(LEASE)).await);
    let mut before = Vec::new();
    for id in &untouched {
        before.push(store.job(*id).await);
    }
    assert_eq!(store.at(5).reconcile(worker, &held).await.unwrap(), 0);
    for (id, before) in untouched.iter().zip(before) {
        assert_eq!(store.job(*id).await, before);
    }
    // Of two jobs, only the one that is not held is released.
    assert_eq!(store.at(5).reconcile(worker, &held[..1]).await.unwrap(), 1);
    assert_eq!(store.job(held[0].0).await.state, JobState::Running);
    assert_eq!(store.job(held[1].0).await.state, JobState::Available);
}

#[rstest]
#[tokio::test]
async fn a_job_that_is_held_only_from_an_earlier_claim_is_released(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    store.enqueue_notes(1).await;
    let worker = store.worker().await;
    let claimed = store.claim(worker, 1).await.remove(0);
    let held = [(claimed.id, claimed.lease_number - 1)];
    assert_eq!(store.at(5).reconcile(worker, &held).await.unwrap(), 1);
}

#[rstest]
#[tokio::test]
async fn a_worker_is_alive_until_its_lease_is_over(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let (early, late) = (store.worker_at(0).await, store.worker_at(30).await);
    let alive = async |seconds| {
        let workers = store.at(seconds).live_workers().await.unwrap();
        workers.iter().map(|worker| worker.id).collect::<Vec<_>>()
    };
    assert_eq!(alive(59).await.len(), 2);
    assert!(alive(59).await.contains(&early));
    assert_eq!(alive(61).await, [late]);
    assert!(alive(91).await.is_empty());
}
