//! Claiming: which jobs, how many, for which worker, and no job twice.

use std::{collections::HashSet, time::Duration};

use bare_queue::{
    JobState,
    entities::job,
    testing::{JobStore, Outcome},
};
use bare_testkit::Backend;
use rstest::rstest;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::test_store::{LEASE, TestStore, ids, note, report};

#[rstest]
#[tokio::test]
async fn a_claimed_job_runs_under_its_worker(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let id = store.enqueue(note().timeout(Duration::from_secs(7))).await;
    let waiting = store.job(id).await;
    let worker = store.worker().await;
    let claimed = store.at(5).claim(worker, "default", 1).await.unwrap();

    let running = job::Model {
        state: JobState::Running,
        worker_id: Some(worker),
        started_at: Some(store.time(5)),
        attempt: 1,
        lease_number: 1,
        ..waiting
    };
    assert_eq!(store.job(id).await, running);
    let [claimed] = &claimed[..] else {
        panic!("{claimed:?}")
    };
    assert_eq!((claimed.id, claimed.kind.as_str()), (id, "note"));
    assert_eq!(
        (claimed.attempt, claimed.max_attempts, claimed.lease_number),
        (1, 20, 1)
    );
    assert_eq!((claimed.timeout_seconds, claimed.deaths), (Some(7), 0));
    assert_eq!(
        (claimed.run_at, claimed.started_at),
        (running.run_at, store.time(5))
    );
}

#[rstest]
#[case::other_fields(r#"{"request_id":"r","shard":7}"#, Some("r"))]
#[case::another_type(r#"{"request_id":7}"#, None)]
#[case::what_no_jsonb_could_hold(r#"{"request_id":"\u0000"}"#, Some("\0"))]
#[tokio::test]
async fn metadata_that_was_edited_by_hand_does_not_block_a_claim(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[case] metadata: &str,
    #[case] request_id: Option<&str>,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    store.enqueue(note()).await;
    let change = format!("UPDATE job SET metadata = '{metadata}'");
    store.database.execute(&change).await;
    let claimed = store.claim(store.worker().await, 1).await.remove(0);
    assert_eq!(claimed.metadata.request_id.as_deref(), request_id);
    let end = report(&claimed, Outcome::Completed);
    store.at(0).finish(&[end]).await.unwrap();
    let kept = store.finished(claimed.id).await.metadata.unwrap();
    assert_eq!(
        kept,
        serde_json::from_str::<serde_json::Value>(metadata).unwrap()
    );
}

#[rstest]
#[tokio::test]
async fn every_claim_raises_the_attempt_and_the_lease_number(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    store.enqueue(note()).await;
    let worker = store.worker().await;
    let after = Duration::ZERO;
    let mut seen = Vec::new();
    // A snooze refunds the attempt. The lease number never falls.
    for outcome in [
        Outcome::Retry { after },
        Outcome::Snooze { after },
        Outcome::Completed,
    ] {
        let job = store.claim(worker, 1).await.remove(0);
        seen.push((job.attempt, job.lease_number));
        store.at(0).finish(&[report(&job, outcome)]).await.unwrap();
    }
    assert_eq!(seen, [(1, 1), (2, 2), (2, 3)]);
}

#[rstest]
#[tokio::test]
async fn the_lowest_priority_comes_first(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let mut expected = Vec::new();
    for priority in [3, 0, -5, 0, i32::MIN, i32::MAX] {
        let id = store.enqueue(note().priority(priority)).await;
        expected.push((priority, id));
    }
    expected.sort_unstable();
    let claimed = store.claim(store.worker().await, 10).await;
    let order: Vec<_> = claimed.iter().map(|job| (job.priority, job.id)).collect();
    assert_eq!(order, expected);
}

#[rstest]
#[tokio::test]
async fn jobs_of_equal_priority_are_claimed_by_due_time_and_then_by_age(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let jobs = store.claimed_notes(4).await;
    // Jobs that were enqueued later are due sooner, and the last two at the same time.
    for (job, seconds) in jobs.iter().zip([30, 20, 10, 10]).rev() {
        let after = Duration::from_secs(seconds);
        let retry = report(job, Outcome::Retry { after });
        store.at(0).finish(&[retry]).await.unwrap();
    }
    store.at(40).promote(10).await.unwrap();
    let worker = store.worker().await;
    let first = store.claim(worker, 1).await;
    let rest = store.claim(worker, 10).await;
    assert_eq!(ids(&first), [jobs[2].id]);
    assert_eq!(ids(&rest), [jobs[3].id, jobs[1].id, jobs[0].id]);
}

#[rstest]
#[tokio::test]
async fn a_claim_takes_no_more_than_its_limit(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let enqueued = store.enqueue_notes(5).await;
    let worker = store.worker().await;
    assert_eq!(store.claim(worker, 0).await, []);
    assert_eq!(ids(&store.claim(worker, 2).await), enqueued[..2]);
    assert_eq!(ids(&store.claim(worker, 2).await), enqueued[2..4]);
    assert_eq!(ids(&store.claim(worker, 2).await), enqueued[4..]);
    assert_eq!(store.claim(worker, 2).await, []);
}

#[rstest]
#[tokio::test]
async fn a_claim_takes_only_from_its_queue(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let slow = store.enqueue(note().queue("slow").priority(-1)).await;
    let quick = store.enqueue(note()).await;
    let worker = store.worker().await;
    assert_eq!(ids(&store.claim(worker, 10).await), [quick]);
    let claimed = store.at(0).claim(worker, "slow", 10).await.unwrap();
    assert_eq!(ids(&claimed), [slow]);
}

#[rstest]
#[tokio::test]
async fn a_scheduled_job_that_is_due_is_not_claimed_before_it_is_promoted(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    store.enqueue(note().delay(Duration::from_secs(1))).await;
    let worker = store.worker().await;
    assert_eq!(store.at(50).claim(worker, "default", 10).await.unwrap(), []);
}

#[rstest]
#[tokio::test]
async fn a_worker_whose_lease_is_over_claims_nothing(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    store.enqueue(note()).await;
    let worker = store.worker().await;
    let end = i64::try_from(LEASE.as_secs()).unwrap();
    assert_eq!(store.at(end).claim(worker, "default", 1).await.unwrap(), []);
    let in_time = store.at(end - 1).claim(worker, "default", 1).await.unwrap();
    assert_eq!(in_time.len(), 1);
}

#[rstest]
#[tokio::test]
async fn an_unregistered_worker_claims_nothing(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    store.enqueue(note()).await;
    assert_eq!(store.claim(Uuid::new_v4(), 1).await, []);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_claims_take_every_job_exactly_once(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let expected: HashSet<Uuid> = store.enqueue_notes(200).await.into_iter().collect();
    let mut claims = JoinSet::new();
    for _ in 0..4 {
        let db = store.database.connect_again().await;
        let shop = JobStore::new(db).at(store.time(0));
        for _ in 0..3 {
            let (shop, worker) = (shop.clone(), store.worker().await);
            claims.spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let claimed = shop.claim(worker, "default", 3).await.unwrap();
                    if claimed.is_empty() {
                        return mine;
                    }
                    mine.extend(ids(&claimed));
                }
            });
        }
    }
    let claimed = claims.join_all().await.concat();
    assert_eq!(claimed.len(), expected.len());
    assert_eq!(claimed.into_iter().collect::<HashSet<_>>(), expected);
}
