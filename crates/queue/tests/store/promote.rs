//! Promoting: scheduled jobs that are due.

use std::time::Duration;

use bare_queue::{JobState, entities::job, testing::Outcome};
use bare_testkit::Backend;
use rstest::rstest;

use crate::{
    session::Session,
    test_store::{TestStore, report},
};

/// Three jobs that are due 10, 20 and 30 s after the start, the last one enqueued first.
async fn three_due(store: &TestStore) -> Vec<uuid::Uuid> {
    let mut ids = Vec::new();
    for (job, seconds) in store.claimed_notes(3).await.iter().zip([30, 20, 10]) {
        let after = Duration::from_secs(seconds);
        let retry = report(job, Outcome::Retry { after });
        store.at(0).finish(&[retry]).await.unwrap();
        ids.insert(0, job.id);
    }
    ids
}

async fn states(store: &TestStore, ids: &[uuid::Uuid]) -> Vec<JobState> {
    let mut states = Vec::new();
    for id in ids {
        states.push(store.job(*id).await.state);
    }
    states
}

#[rstest]
#[tokio::test]
async fn a_scheduled_job_becomes_available_when_it_is_due(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    use JobState::{Available, Scheduled};
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let ids = three_due(&store).await;
    assert_eq!(store.at(9).promote(10).await.unwrap(), 0);
    assert_eq!(states(&store, &ids).await, [Scheduled; 3]);
    let before = store.job(ids[0]).await;
    assert_eq!(store.at(10).promote(10).await.unwrap(), 1);
    let expected = job::Model {
        state: Available,
        ..before
    };
    assert_eq!(store.job(ids[0]).await, expected, "nothing else changes");
    assert_eq!(store.at(30).promote(10).await.unwrap(), 2);
    assert_eq!(states(&store, &ids).await, [Available; 3]);
    assert_eq!(store.at(30).promote(10).await.unwrap(), 0);
}

#[rstest]
#[tokio::test]
async fn the_earliest_scheduled_jobs_are_promoted_first(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    use JobState::{Available, Scheduled};
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let ids = three_due(&store).await;
    assert_eq!(store.at(60).promote(2).await.unwrap(), 2);
    assert_eq!(
        states(&store, &ids).await,
        [Available, Available, Scheduled]
    );
    assert_eq!(store.at(60).promote(2).await.unwrap(), 1);
}

#[rstest]
#[tokio::test]
async fn a_running_job_is_not_promoted(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let claimed = store.claimed().await;
    assert_eq!(store.at(60).promote(2).await.unwrap(), 0);
    assert_eq!(store.job(claimed.id).await.state, JobState::Running);
}

#[rstest]
#[tokio::test]
async fn more_jobs_can_be_promoted_at_once_than_a_statement_has_variables(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    three_due(&store).await;
    let id = match backend {
        Backend::Sqlite => "randomblob(16)",
        Backend::Postgres => "gen_random_uuid()",
    };
    let copies = format!(
        "INSERT INTO job (id, kind, queue, state, payload, max_attempts, run_at, created_at)
         WITH RECURSIVE copies (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copies WHERE n < 14000)
         SELECT {id}, kind, queue, state, payload, max_attempts, run_at, created_at FROM job, copies"
    );
    store.database.execute(&copies).await;
    assert_eq!(store.at(60).promote(u64::MAX).await.unwrap(), 42_003);
}

#[tokio::test]
async fn promoting_does_not_read_jobs_that_are_not_due() {
    let Some(store) = TestStore::open(Backend::Postgres).await else {
        return;
    };
    let later = "
        INSERT INTO job (id, kind, queue, state, payload, max_attempts, run_at, created_at)
        SELECT gen_random_uuid(), 'note', 'default', 'scheduled', '{}', 1, now() + interval '1 hour', now()
        FROM generate_series(1, 10000)";
    store.database.execute(later).await;
    store.database.execute("ANALYZE job").await;
    let session = Session::open(&store).await;
    let before = session.read_of_table("job").await;
    assert_eq!(session.store().promote(1000).await.unwrap(), 0);
    assert_eq!(session.read_of_table("job").await, before);
}
