//! Pruning: finished jobs by their state and age.

use std::time::Duration;

use bare_queue::{JobState, testing::Outcome};
use bare_testkit::Backend;
use rstest::rstest;

use crate::{
    session::Session,
    test_store::{TestStore, report},
};

const MINUTE: Duration = Duration::from_mins(1);

/// Jobs that ended this many seconds after the start.
async fn ended(store: &TestStore, outcome: Outcome, seconds: &[i64]) {
    for second in seconds {
        let job = store.claimed().await;
        let end = report(&job, outcome);
        store.at(*second).finish(&[end]).await.unwrap();
    }
}

#[rstest]
#[tokio::test]
async fn finished_jobs_are_pruned_when_they_exceed_the_age_of_their_state(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    ended(&store, Outcome::Completed, &[0, 1]).await;
    ended(&store, Outcome::Dead, &[0]).await;
    ended(&store, Outcome::Cancelled, &[0]).await;
    assert_eq!(
        store
            .at(60)
            .prune(JobState::Completed, MINUTE, 10)
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        store
            .at(61)
            .prune(JobState::Completed, MINUTE, 10)
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        store
            .at(62)
            .prune(JobState::Completed, MINUTE, 10)
            .await
            .unwrap(),
        1
    );
    assert_eq!(store.count_finished().await, 2);
    assert_eq!(
        store
            .at(61)
            .prune(JobState::Dead, MINUTE, 10)
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        store
            .at(61)
            .prune(JobState::Cancelled, MINUTE, 10)
            .await
            .unwrap(),
        1
    );
    assert_eq!(store.count_finished().await, 0);
}

#[rstest]
#[tokio::test]
async fn the_oldest_finished_jobs_are_pruned_first(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    ended(&store, Outcome::Completed, &[3, 1, 2]).await;
    let prune = async || {
        store
            .at(100)
            .prune(JobState::Completed, MINUTE, 2)
            .await
            .unwrap()
    };
    assert_eq!(prune().await, 2);
    // The youngest is left.
    assert_eq!(
        store
            .at(63)
            .prune(JobState::Completed, MINUTE, 2)
            .await
            .unwrap(),
        0
    );
    assert_eq!(prune().await, 1);
    assert_eq!(prune().await, 0);
}

#[rstest]
#[tokio::test]
async fn unfinished_jobs_are_not_pruned(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    store.enqueue_notes(1).await;
    for state in [JobState::Completed, JobState::Dead, JobState::Cancelled] {
        assert_eq!(store.at(3600).prune(state, MINUTE, 10).await.unwrap(), 0);
    }
    assert_eq!(store.count().await, 1);
}

#[tokio::test]
async fn pruning_does_not_read_jobs_that_are_too_young() {
    let Some(store) = TestStore::open(Backend::Postgres).await else {
        return;
    };
    let young = "
        INSERT INTO finished_job (id, kind, queue, priority, state, payload, attempt, max_attempts, run_at,
                                  created_at, started_at, finished_at, lease_number)
        SELECT gen_random_uuid(), 'note', 'default', 0, 'completed', '{}', 1, 1, now(), now(), now(), now(), 1
        FROM generate_series(1, 10000)";
    store.database.execute(young).await;
    store.database.execute("ANALYZE finished_job").await;
    let session = Session::open(&store).await;
    let before = session.read_of_table("finished_job").await;
    let pruned = session
        .store()
        .prune(JobState::Completed, MINUTE, 1000)
        .await;
    assert_eq!(pruned.unwrap(), 0);
    assert_eq!(session.read_of_table("finished_job").await, before);
}
