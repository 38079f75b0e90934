//! Finishing: where each outcome leads.

use std::time::Duration;

use bare_queue::{
    JobState, NewJob, enqueue_many,
    entities::{finished_job, job},
    testing::{AttemptError, ClaimedJob, ERROR_LIMIT, Outcome, Report, Verdict, append_error},
    with_metadata,
};
use bare_testkit::Backend;
use chrono::{TimeDelta, Utc};
use rstest::rstest;

use crate::{
    session::Session,
    test_store::{TestStore, metadata, note, report},
};

/// The report of an attempt that failed for a reason.
fn failed(claim: &ClaimedJob, outcome: Outcome, reason: &str) -> Report {
    let error = AttemptError::new(claim.attempt, Utc::now(), reason);
    Report {
        errors: Some(append_error(claim.errors.as_deref(), error)),
        ..report(claim, outcome)
    }
}

/// The reasons of the failed attempts of a job.
fn reasons(errors: Option<serde_json::Value>) -> Vec<String> {
    let errors: Vec<AttemptError> = serde_json::from_value(errors.unwrap()).unwrap();
    errors.into_iter().map(|error| error.error).collect()
}

#[rstest]
#[case(Outcome::Completed, JobState::Completed)]
#[case(Outcome::Dead, JobState::Dead)]
#[case(Outcome::Cancelled, JobState::Cancelled)]
#[tokio::test]
async fn a_job_that_ends_moves_to_finished_job_with_all_its_data(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[case] outcome: Outcome,
    #[case] state: JobState,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let job = note()
        .priority(3)
        .timeout(Duration::from_secs(9))
        .unique_key("a");
    with_metadata(metadata, store.enqueue(job)).await;
    let claimed = store.claim(store.worker().await, 1).await.remove(0);
    let job = store.job(claimed.id).await;
    let report = failed(&claimed, outcome, "out of paper");
    assert_eq!(
        store.at(8).finish(&[report]).await.unwrap(),
        [Verdict::Taken]
    );

    let finished = store.finished(job.id).await;
    assert_eq!(reasons(finished.errors.clone()), ["out of paper"]);
    let expected = finished_job::Model {
        id: job.id,
        kind: job.kind,
        queue: job.queue,
        priority: 3,
        state,
        payload: job.payload,
        attempt: 1,
        max_attempts: job.max_attempts,
        timeout_seconds: Some(9),
        unique_key: Some("a".to_owned()),
        run_at: job.run_at,
        created_at: job.created_at,
        started_at: Some(store.time(0)),
        finished_at: store.time(8),
        lease_number: 1,
        deaths: 0,
        errors: finished.errors.clone(),
        metadata: Some(serde_json::to_value(metadata()).unwrap()),
    };
    assert_eq!(finished, expected);
}

#[rstest]
#[case::a_retry_costs_an_attempt(Outcome::Retry { after: Duration::from_millis(15_500) }, 1)]
#[case::a_snooze_costs_none(Outcome::Snooze { after: Duration::from_millis(15_500) }, 0)]
#[tokio::test]
async fn a_retried_or_snoozed_job_is_scheduled_and_has_no_worker(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[case] outcome: Outcome,
    #[case] attempt: i32,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let claimed = store.claimed().await;
    let running = store.job(claimed.id).await;
    let report = report(&claimed, outcome);
    assert_eq!(
        store.at(8).finish(&[report]).await.unwrap(),
        [Verdict::Taken]
    );
    let expected = job::Model {
        state: JobState::Scheduled,
        run_at: store.time(8) + TimeDelta::milliseconds(15_500),
        attempt,
        worker_id: None,
        ..running
    };
    assert_eq!(store.job(claimed.id).await, expected);
}

#[rstest]
#[case(Outcome::Retry { after: Duration::ZERO }, 1)]
#[case(Outcome::Snooze { after: Duration::ZERO }, 0)]
#[tokio::test]
async fn a_job_retried_or_snoozed_without_a_wait_is_available_at_once(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[case] outcome: Outcome,
    #[case] attempt: i32,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let claimed = store.claimed().await;
    store
        .at(8)
        .finish(&[report(&claimed, outcome)])
        .await
        .unwrap();
    let job = store.job(claimed.id).await;
    assert_eq!((job.state, job.attempt), (JobState::Available, attempt));
    assert_eq!((job.run_at, job.worker_id), (store.time(8), None));
}

#[rstest]
#[tokio::test]
async fn a_released_job_keeps_its_place_and_its_attempt(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let claimed = store.claimed().await;
    let running = store.job(claimed.id).await;
    let report = report(&claimed, Outcome::Release);
    assert_eq!(
        store.at(8).finish(&[report]).await.unwrap(),
        [Verdict::Taken]
    );
    let expected = job::Model {
        state: JobState::Available,
        attempt: 0,
        worker_id: None,
        ..running
    };
    assert_eq!(store.job(claimed.id).await, expected);
}

#[rstest]
#[tokio::test]
async fn the_errors_of_earlier_attempts_are_kept(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let claimed = store.claimed().await;
    let after = Duration::ZERO;
    let retry = failed(&claimed, Outcome::Retry { after }, "first");
    store.at(0).finish(&[retry]).await.unwrap();
    assert_eq!(reasons(store.job(claimed.id).await.errors), ["first"]);

    let claimed = store.claim(store.worker().await, 1).await.remove(0);
    let dead = failed(&claimed, Outcome::Dead, "second");
    store.at(0).finish(&[dead]).await.unwrap();
    assert_eq!(
        reasons(store.finished(claimed.id).await.errors),
        ["first", "second"]
    );
}

#[rstest]
#[tokio::test]
async fn an_outcome_without_an_error_keeps_the_earlier_errors(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let worker = store.worker().await;
    let claimed = store.claimed().await;
    let after = Duration::ZERO;
    let retry = failed(&claimed, Outcome::Retry { after }, "once");
    store.at(0).finish(&[retry]).await.unwrap();
    for outcome in [Outcome::Release, Outcome::Snooze { after }] {
        let claimed = store.claim(worker, 1).await.remove(0);
        store
            .at(0)
            .finish(&[report(&claimed, outcome)])
            .await
            .unwrap();
        assert_eq!(reasons(store.job(claimed.id).await.errors), ["once"]);
    }
    let claimed = store.claim(worker, 1).await.remove(0);
    store
        .at(0)
        .finish(&[report(&claimed, Outcome::Completed)])
        .await
        .unwrap();
    assert_eq!(reasons(store.finished(claimed.id).await.errors), ["once"]);
}

#[rstest]
#[tokio::test]
async fn an_error_of_any_length_and_any_characters_is_stored(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let jobs = store.claimed_notes(3).await;
    let odd = "\0 \\u0000 \u{1b}[31m \" ' \u{feff} 🦀";
    let long = "ü\0".repeat(100_000);
    let after = Duration::ZERO;
    let reports = [
        failed(&jobs[0], Outcome::Dead, odd),
        failed(&jobs[1], Outcome::Retry { after }, &long),
        report(&jobs[2], Outcome::Completed),
    ];
    assert_eq!(
        store.at(0).finish(&reports).await.unwrap(),
        [Verdict::Taken; 3]
    );
    let stored = reasons(store.finished(jobs[0].id).await.errors);
    assert_eq!(stored, [odd.replace('\0', "\u{fffd}")]);
    let stored = reasons(store.job(jobs[1].id).await.errors);
    assert!(stored[0].len() <= ERROR_LIMIT && stored[0].starts_with("ü\u{fffd}ü"));
}

#[rstest]
#[tokio::test]
async fn a_batch_of_reports_may_be_empty_or_large(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    assert_eq!(store.at(0).finish(&[]).await.unwrap(), []);
    let jobs = store.claimed_notes(300).await;
    let reports: Vec<_> = jobs
        .iter()
        .map(|job| report(job, Outcome::Completed))
        .collect();
    assert_eq!(
        store.at(0).finish(&reports).await.unwrap(),
        [Verdict::Taken; 300]
    );
    assert_eq!(
        (store.count().await, store.count_finished().await),
        (0, 300)
    );
}

#[rstest]
#[tokio::test]
async fn a_copy_in_finished_job_does_not_block_an_outcome(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let claimed = store.claimed_notes(2).await;
    let copy = "INSERT INTO finished_job (id, kind, queue, state, payload, max_attempts, run_at,
                                          created_at, finished_at)
                SELECT id, kind, queue, 'dead', payload, 1, run_at, created_at, created_at FROM job";
    store.database.execute(copy).await;
    let reports = [
        report(&claimed[0], Outcome::Completed),
        report(&claimed[1], Outcome::Completed),
    ];
    let verdicts = store.at(1).finish(&reports).await.unwrap();
    assert_eq!(verdicts, [Verdict::Taken, Verdict::Taken]);
    let finished = store.finished(claimed[0].id).await;
    assert_eq!(finished.state, JobState::Completed);
}

#[tokio::test]
async fn finishing_walks_the_primary_key_even_if_statistics_expect_no_running_jobs() {
    const JOBS: i64 = 500;
    let Some(store) = TestStore::open(Backend::Postgres).await else {
        return;
    };
    let jobs: Vec<NewJob> = (0..JOBS).map(|_| note()).collect();
    enqueue_many(store.db(), jobs).await.unwrap();
    store.database.execute("ANALYZE job").await;
    let claimed = store.claim(store.worker().await, u64::MAX).await;
    let reports: Vec<Report> = claimed
        .iter()
        .map(|job| report(job, Outcome::Completed))
        .collect();

    let session = Session::open(&store).await;
    let read = async || {
        (
            session.read_of_index("job_pkey").await,
            session.read_of_index("job_running").await,
        )
    };
    let before = read().await;
    let verdicts = session.store().finish(&reports).await;
    assert!(verdicts.unwrap().iter().all(|it| *it == Verdict::Taken));
    let after = read().await;

    // Each job has two rows: before the claim, and after it.
    assert!(
        (JOBS..=3 * JOBS).contains(&(after.0 - before.0)),
        "{before:?} {after:?}"
    );
    assert_eq!(after.1, before.1, "the index of running jobs was read");
}

#[rstest]
#[case::attempt("attempt = 2147483647")]
#[case::lease_number("lease_number = 2147483647")]
#[case::errors("errors = '{}'")]
#[case::metadata("metadata = '[]'")]
#[tokio::test]
async fn the_database_refuses_a_row_that_no_worker_could_read(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[case] change: &str,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    store.enqueue(note()).await;
    let change = format!("UPDATE job SET {change}");
    let refused = sea_orm::ConnectionTrait::execute_unprepared(store.db(), &change).await;
    let error = refused.unwrap_err().to_string().to_lowercase();
    assert!(error.contains("check constraint"), "{error}");
}
