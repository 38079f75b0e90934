//! Fencing: an outcome counts only under the lease of its claim.

use std::time::Duration;

use bare_queue::testing::{Outcome, Report, Verdict};
use bare_testkit::Backend;
use rstest::rstest;
use sea_orm::EntityTrait;
use uuid::Uuid;

use crate::test_store::{TestStore, report};

const AT_ONCE: Duration = Duration::ZERO;

/// Every kind of outcome.
const OUTCOMES: [Outcome; 6] = [
    Outcome::Completed,
    Outcome::Dead,
    Outcome::Cancelled,
    Outcome::Retry {
        after: Duration::from_secs(9),
    },
    Outcome::Snooze {
        after: Duration::from_secs(9),
    },
    Outcome::Release,
];

#[rstest]
#[tokio::test]
async fn the_same_report_again_is_taken_and_changes_nothing(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    for (outcome, job) in OUTCOMES
        .iter()
        .zip(store.claimed_notes(OUTCOMES.len()).await)
    {
        let reports = [report(&job, *outcome)];
        assert_eq!(
            store.at(1).finish(&reports).await.unwrap(),
            [Verdict::Taken]
        );
        let before = everything(&store).await;
        assert_eq!(
            store.at(2).finish(&reports).await.unwrap(),
            [Verdict::Taken]
        );
        assert_eq!(everything(&store).await, before, "{outcome:?}");
    }
}

#[rstest]
#[tokio::test]
async fn the_same_report_twice_in_a_batch_counts_once(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let jobs = store.claimed_notes(2).await;
    let ends = report(&jobs[0], Outcome::Completed);
    let waits = report(&jobs[1], Outcome::Snooze { after: AT_ONCE });
    let batch = [ends.clone(), waits.clone(), waits, ends];
    assert_eq!(
        store.at(0).finish(&batch).await.unwrap(),
        [Verdict::Taken; 4]
    );
    store.finished(jobs[0].id).await;
    assert_eq!(store.job(jobs[1].id).await.attempt, 0);
}

#[rstest]
#[tokio::test]
async fn a_report_under_an_old_lease_is_refused_and_changes_nothing(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let old = store.claimed().await;
    store
        .at(0)
        .finish(&[report(&old, Outcome::Release)])
        .await
        .unwrap();
    let new = store.claim(store.worker().await, 1).await.remove(0);
    assert_eq!((new.id, new.lease_number), (old.id, old.lease_number + 1));
    let before = everything(&store).await;
    for outcome in OUTCOMES {
        let verdicts = store.at(1).finish(&[report(&old, outcome)]).await.unwrap();
        assert_eq!(verdicts, [Verdict::Refused], "{outcome:?}");
    }
    assert_eq!(everything(&store).await, before);

    let end = report(&new, Outcome::Completed);
    assert_eq!(store.at(2).finish(&[end]).await.unwrap(), [Verdict::Taken]);
    let late = report(&old, Outcome::Completed);
    assert_eq!(
        store.at(3).finish(&[late]).await.unwrap(),
        [Verdict::Refused]
    );
}

#[rstest]
#[tokio::test]
async fn a_report_of_a_lease_that_never_existed_is_refused(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let job = store.claimed().await;
    let early = Report {
        lease_number: job.lease_number + 1,
        ..report(&job, Outcome::Completed)
    };
    let stranger = Report {
        job_id: Uuid::now_v7(),
        ..report(&job, Outcome::Completed)
    };
    let verdicts = store.at(0).finish(&[early, stranger]).await.unwrap();
    assert_eq!(verdicts, [Verdict::Refused; 2]);
    assert_eq!((store.count().await, store.count_finished().await), (1, 0));
}

#[rstest]
#[tokio::test]
async fn a_late_report_after_a_rescue_is_refused(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let job = store.claimed().await;
    assert_eq!(store.at(61).rescue().await.unwrap().requeued, 1);
    let before = everything(&store).await;
    let late = report(&job, Outcome::Completed);
    assert_eq!(
        store.at(62).finish(&[late]).await.unwrap(),
        [Verdict::Refused]
    );
    assert_eq!(everything(&store).await, before);
}

#[rstest]
#[tokio::test]
async fn a_late_report_of_a_job_that_was_released_is_refused(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    store.enqueue_notes(1).await;
    let worker = store.worker().await;
    let job = store.claim(worker, 1).await.remove(0);
    assert_eq!(store.at(0).reconcile(worker, &[]).await.unwrap(), 1);
    let late = report(&job, Outcome::Completed);
    assert_eq!(
        store.at(0).finish(&[late]).await.unwrap(),
        [Verdict::Refused]
    );
    assert_eq!(store.count().await, 1);
}

#[rstest]
#[tokio::test]
async fn verdicts_have_the_order_of_their_reports(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let jobs = store.claimed_notes(5).await;
    let earlier = report(&jobs[4], Outcome::Completed);
    store
        .at(0)
        .finish(std::slice::from_ref(&earlier))
        .await
        .unwrap();
    let refused = Report {
        lease_number: 9,
        ..report(&jobs[1], Outcome::Completed)
    };
    let batch = [
        report(&jobs[3], Outcome::Release),
        refused.clone(),
        report(&jobs[0], Outcome::Dead),
        earlier,
        Report {
            outcome: Outcome::Release,
            ..refused
        },
        report(&jobs[2], Outcome::Retry { after: AT_ONCE }),
    ];
    let verdicts = store.at(0).finish(&batch).await.unwrap();
    let (taken, refused) = (Verdict::Taken, Verdict::Refused);
    assert_eq!(verdicts, [taken, refused, taken, taken, refused, taken]);
}

#[rstest]
#[tokio::test]
async fn only_the_report_of_the_current_lease_is_taken_if_a_batch_has_two_of_a_job(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let old = store.claimed().await;
    store.at(0).rescue().await.unwrap();
    store.at(61).rescue().await.unwrap();
    let new = store.claim(store.worker_at(61).await, 1).await.remove(0);
    assert_eq!(new.id, old.id);
    let batch = [
        report(&old, Outcome::Retry { after: AT_ONCE }),
        report(&new, Outcome::Completed),
    ];
    let verdicts = store.at(62).finish(&batch).await.unwrap();
    assert_eq!(verdicts, [Verdict::Refused, Verdict::Taken]);
}

/// Every row of both tables.
async fn everything(store: &TestStore) -> String {
    let mut jobs = bare_queue::entities::job::Entity::find()
        .all(store.db())
        .await
        .unwrap();
    let finished = bare_queue::entities::finished_job::Entity::find().all(store.db());
    let mut finished = finished.await.unwrap();
    jobs.sort_by_key(|job| job.id);
    finished.sort_by_key(|job| job.id);
    format!("{jobs:#?} {finished:#?}")
}
