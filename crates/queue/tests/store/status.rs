//! The status of a job, in each of its states.

use std::time::Duration;

use bare_queue::{JobState, JobStatus, status, testing::Outcome};
use bare_testkit::Backend;
use rstest::rstest;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::test_store::{TestStore, note, report};

async fn state(store: &TestStore, id: Uuid) -> JobState {
    status(store.db(), id).await.unwrap().unwrap().state
}

#[rstest]
#[tokio::test]
async fn a_status_follows_the_job_from_its_first_state_to_its_last(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(
        (Outcome::Completed, JobState::Completed),
        (Outcome::Dead, JobState::Dead),
        (Outcome::Cancelled, JobState::Cancelled)
    )]
    end: (Outcome, JobState),
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let id = store.enqueue(note().delay(Duration::from_secs(1))).await;
    let enqueued = store.job(id).await;
    assert_eq!(state(&store, id).await, JobState::Scheduled);
    store.at(50).promote(1).await.unwrap();
    assert_eq!(state(&store, id).await, JobState::Available);
    let claimed = store.claim(store.worker().await, 1).await.remove(0);
    assert_eq!(state(&store, id).await, JobState::Running);
    store
        .at(7)
        .finish(&[report(&claimed, end.0)])
        .await
        .unwrap();
    let expected = JobStatus {
        id,
        kind: "note".to_owned(),
        state: end.1,
        attempt: 1,
        max_attempts: 20,
        created_at: enqueued.created_at,
        run_at: claimed.run_at,
        started_at: Some(store.time(0)),
        finished_at: Some(store.time(7)),
    };
    assert_eq!(status(store.db(), id).await.unwrap(), Some(expected));
}

#[rstest]
#[tokio::test]
async fn an_unfinished_job_has_no_finish_time(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let id = store.enqueue(note()).await;
    let status = status(store.db(), id).await.unwrap().unwrap();
    assert_eq!((status.started_at, status.finished_at), (None, None));
}

#[rstest]
#[tokio::test]
async fn a_job_that_does_not_exist_has_no_status(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    assert_eq!(status(store.db(), Uuid::now_v7()).await.unwrap(), None);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_job_has_a_status_while_it_moves_to_finished_job(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let jobs = store.claimed_notes(200).await;
    let mut watchers = JoinSet::new();
    for part in jobs.chunks(50) {
        let db = store.database.connect_again().await;
        let ids: Vec<_> = part.iter().map(|job| job.id).collect();
        watchers.spawn(async move {
            for id in ids {
                loop {
                    let status = status(&db, id).await.unwrap();
                    if status.expect("a status").state == JobState::Completed {
                        break;
                    }
                }
            }
        });
    }
    for step in 0..50 {
        let together = jobs.iter().skip(step).step_by(50);
        let ends: Vec<_> = together
            .map(|job| report(job, Outcome::Completed))
            .collect();
        store.at(0).finish(&ends).await.unwrap();
    }
    while let Some(watched) = watchers.join_next().await {
        watched.unwrap();
    }
}
