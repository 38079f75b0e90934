//! Rescue: what happens to the jobs of dead workers.

use bare_queue::{
    JobState,
    entities::job,
    testing::{AttemptError, ClaimedJob, ERRORS_KEPT, Outcome, Report, Rescued, append_error},
};
use bare_testkit::Backend;
use chrono::{TimeDelta, Utc};
use rstest::rstest;
use serde_json::json;
use uuid::Uuid;

use crate::test_store::{LEASE, TestStore, report};

const ONE: Rescued = Rescued {
    requeued: 1,
    dead: 0,
};
const NONE: Rescued = Rescued {
    requeued: 0,
    dead: 0,
};

/// A worker claims the only job at this second and dies. A rescue follows when its lease is over.
async fn death(store: &TestStore, second: i64) -> (ClaimedJob, Rescued) {
    let worker = store.worker_at(second).await;
    store.at(second).promote(1).await.unwrap();
    let claimed = store.at(second).claim(worker, "default", 1).await.unwrap();
    let rescued = store.at(second + 61).rescue().await.unwrap();
    (claimed.into_iter().next().unwrap(), rescued)
}

#[rstest]
#[tokio::test]
async fn after_its_first_death_a_job_is_available_at_once(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let claimed = store.claimed().await;
    let running = store.job(claimed.id).await;
    assert_eq!(store.at(61).rescue().await.unwrap(), ONE);
    let job = store.job(claimed.id).await;
    let expected = job::Model {
        state: JobState::Available,
        worker_id: None,
        attempt: 0,
        lease_number: 2,
        deaths: 1,
        errors: job.errors.clone(),
        ..running
    };
    assert_eq!(job, expected);
    let errors: Vec<AttemptError> = serde_json::from_value(job.errors.unwrap()).unwrap();
    let [error] = &errors[..] else {
        panic!("{errors:?}")
    };
    assert_eq!((error.attempt, error.at), (1, store.time(61)));
    assert_eq!(error.error, "the worker process died");
}

#[rstest]
#[tokio::test]
async fn a_job_waits_twice_as_long_after_each_further_death_and_is_dead_after_the_fifth(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let id = store.enqueue_notes(1).await[0];
    let mut second = 0;
    for (number, wait) in [(1, 0), (2, 15), (3, 30), (4, 60)] {
        let (claimed, rescued) = death(&store, second).await;
        assert_eq!(
            (claimed.attempt, rescued),
            (1, ONE),
            "a death costs no attempt"
        );
        let job = store.job(id).await;
        assert_eq!((job.deaths, job.attempt), (number, 0));
        if wait == 0 {
            assert_eq!(job.state, JobState::Available);
        } else {
            let rescued_at = store.time(second + 61);
            let expected = (JobState::Scheduled, rescued_at + TimeDelta::seconds(wait));
            assert_eq!((job.state, job.run_at), expected);
        }
        second += 61 + wait;
    }
    let (claimed, rescued) = death(&store, second).await;
    assert_eq!((claimed.deaths, claimed.lease_number), (4, 9));
    assert_eq!(
        rescued,
        Rescued {
            requeued: 0,
            dead: 1
        }
    );

    let dead = store.finished(id).await;
    assert_eq!((dead.state, dead.deaths), (JobState::Dead, 5));
    assert_eq!((dead.attempt, dead.lease_number), (0, 10));
    assert_eq!(dead.finished_at, store.time(second + 61));
    assert_eq!(dead.errors.unwrap().as_array().unwrap().len(), 5);
}

#[rstest]
#[tokio::test]
async fn a_rescued_job_to_cancel_does_not_wait(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let id = store.enqueue_notes(1).await[0];
    death(&store, 0).await;
    let (claimed, _) = death(&store, 61).await;
    assert_eq!(
        (claimed.id, store.job(id).await.state),
        (id, JobState::Scheduled)
    );

    store.at(200).promote(1).await.unwrap();
    let worker = store.worker_at(200).await;
    store.at(200).claim(worker, "default", 1).await.unwrap();
    store.at(201).cancel(id).await.unwrap();
    store.at(300).rescue().await.unwrap();
    let job = store.job(id).await;
    assert_eq!((job.state, job.deaths), (JobState::Available, 3));
    assert!(job.cancel_requested_at.is_some());
}

#[rstest]
#[tokio::test]
async fn a_job_that_is_dead_after_a_rescue_keeps_all_its_data(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let id = store
        .enqueue(crate::test_store::note().unique_key("a").priority(4))
        .await;
    store
        .database
        .execute(
            r#"UPDATE job SET deaths = 4, timeout_seconds = 3, metadata = '{"request_id":"r","b":[1]}'"#,
        )
        .await;
    let before = store.job(id).await;
    death(&store, 0).await;
    let dead = store.finished(id).await;
    assert_eq!(
        (dead.kind, dead.queue, dead.priority),
        (before.kind, before.queue, 4)
    );
    assert_eq!(
        (dead.payload, dead.max_attempts),
        (before.payload, before.max_attempts)
    );
    assert_eq!(
        (dead.timeout_seconds, dead.unique_key),
        (Some(3), Some("a".to_owned()))
    );
    assert_eq!(
        (dead.run_at, dead.created_at),
        (before.run_at, before.created_at)
    );
    assert_eq!(
        (dead.started_at, dead.metadata),
        (
            Some(store.time(0)),
            Some(json!({"request_id": "r", "b": [1]}))
        )
    );
}

#[rstest]
#[tokio::test]
async fn the_jobs_of_a_live_worker_are_not_rescued(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    store.enqueue_notes(2).await;
    let (lives, dies) = (store.worker().await, store.worker().await);
    let its_own = store.claim(lives, 1).await.remove(0);
    store.claim(dies, 1).await;
    let before = store.job(its_own.id).await;
    assert_eq!(
        store.at(60).rescue().await.unwrap(),
        NONE,
        "a lease holds to its end"
    );
    store.at(60).heartbeat(lives, LEASE).await.unwrap();
    assert_eq!(store.at(61).rescue().await.unwrap(), ONE);
    assert_eq!(store.at(119).rescue().await.unwrap(), NONE);
    assert_eq!(store.job(its_own.id).await, before);
    let end = report(&its_own, Outcome::Completed);
    store.at(119).finish(&[end]).await.unwrap();
    store.finished(its_own.id).await;
}

#[rstest]
#[tokio::test]
async fn jobs_of_a_worker_without_a_row_are_rescued(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    store.enqueue_notes(1).await;
    let worker = store.worker().await;
    store.claim(worker, 1).await;
    store.at(0).deregister_worker(worker).await.unwrap();
    assert_eq!(store.at(0).rescue().await.unwrap(), ONE);
}

#[rstest]
#[tokio::test]
async fn waiting_jobs_are_not_rescued(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let id = store.enqueue_notes(1).await[0];
    let before = store.job(id).await;
    store.worker().await;
    assert_eq!(store.at(600).rescue().await.unwrap(), NONE);
    assert_eq!(store.job(id).await, before);
}

/// A job with these errors, which is rescued after its worker died.
async fn rescued_with_errors(store: &TestStore, errors: String) -> Uuid {
    let claimed = store.claimed().await;
    let after = std::time::Duration::ZERO;
    let retry = Report {
        errors: Some(errors),
        ..report(&claimed, Outcome::Retry { after })
    };
    store.at(0).finish(&[retry]).await.unwrap();
    let (claimed, rescued) = death(store, 0).await;
    assert_eq!(rescued, ONE);
    claimed.id
}

#[rstest]
#[tokio::test]
async fn a_death_is_added_to_the_errors_and_displaces_the_oldest(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let errors = (1..=20).fold(None, |errors: Option<String>, attempt| {
        let error = AttemptError::new(attempt, Utc::now(), "failed");
        Some(append_error(errors.as_deref(), error))
    });
    let id = rescued_with_errors(&store, errors.unwrap()).await;
    let errors = store.job(id).await.errors.unwrap();
    let errors: Vec<AttemptError> = serde_json::from_value(errors).unwrap();
    assert_eq!(errors.len(), ERRORS_KEPT);
    assert_eq!((errors[0].attempt, errors[18].attempt), (2, 20));
    assert_eq!(errors[19].error, "the worker process died");
}

#[rstest]
#[tokio::test]
async fn a_job_whose_errors_jsonb_cannot_hold_is_rescued(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let at = Utc::now().to_rfc3339();
    let errors = format!(r#"[{{"attempt":1,"at":"{at}","error":"\u0000"}}]"#);
    let id = rescued_with_errors(&store, errors).await;
    let errors = store.job(id).await.errors.unwrap();
    assert_eq!(errors[0]["error"], "\0");
    assert_eq!(errors[1]["error"], "the worker process died");
}
