//! What operators do: look, retry, cancel, pause, limit.

use bare_queue::{
    JobState,
    testing::{Cancelled, Filter, OperateError, Outcome, Verdict},
};
use bare_testkit::Backend;
use rstest::rstest;
use uuid::Uuid;

use crate::test_store::{LEASE, TestStore, ids, note, report};

#[rstest]
#[tokio::test]
async fn a_dead_job_that_is_retried_has_all_its_attempts_and_keeps_its_errors(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let claimed = store.claimed().await;
    let mut dead = report(&claimed, Outcome::Dead);
    dead.errors = Some(r#"[{"attempt":1,"at":"2026-01-01T00:00:00Z","error":"no"}]"#.to_owned());
    store.at(1).finish(&[dead]).await.unwrap();

    store.at(2).retry(claimed.id).await.unwrap();
    let job = store.job(claimed.id).await;
    assert_eq!((job.attempt, job.run_at), (0, store.time(2)));
    assert_eq!(job.errors.unwrap()[0]["error"], "no");
    assert_eq!(store.count_finished().await, 0);

    let again = store.claim(store.worker().await, 1).await;
    assert_eq!(ids(&again), [claimed.id]);
    assert_eq!(again[0].lease_number, claimed.lease_number + 1);
}

#[rstest]
#[tokio::test]
async fn a_scheduled_job_that_is_retried_is_available_at_once(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let id = store
        .enqueue(note().delay(std::time::Duration::from_hours(1)))
        .await;
    store.at(0).retry(id).await.unwrap();
    let worker = store.worker().await;
    assert_eq!(ids(&store.claim(worker, 1).await), [id]);
}

#[rstest]
#[tokio::test]
async fn a_missing_running_or_completed_job_cannot_be_retried(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let nobody = Uuid::now_v7();
    let error = store.at(0).retry(nobody).await.unwrap_err();
    assert!(matches!(error, OperateError::NotFound(id) if id == nobody));

    let claimed = store.claimed().await;
    let error = store.at(0).retry(claimed.id).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the job {} is running", claimed.id)
    );

    let completed = report(&claimed, Outcome::Completed);
    store.at(0).finish(&[completed]).await.unwrap();
    let error = store.at(0).retry(claimed.id).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the job {} is completed", claimed.id)
    );
}

#[rstest]
#[tokio::test]
async fn a_job_whose_unique_key_is_taken_cannot_be_retried(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let first = store.enqueue(note().unique_key("a")).await;
    store.at(0).cancel(first).await.unwrap();
    let second = store.enqueue(note().unique_key("a")).await;
    let error = store.at(0).retry(first).await.unwrap_err();
    assert!(
        matches!(error, OperateError::KeyTaken(id) if id == first),
        "{error:?}"
    );
    store.finished(first).await;
    store.job(second).await;
}

#[rstest]
#[tokio::test]
async fn a_waiting_job_is_cancelled_at_once(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let id = store.enqueue(note()).await;
    assert_eq!(store.at(3).cancel(id).await.unwrap(), Cancelled::AtOnce);
    let finished = store.finished(id).await;
    assert_eq!(finished.state, JobState::Cancelled);
    assert_eq!(finished.finished_at, store.time(3));
    let error = store.at(4).cancel(id).await.unwrap_err();
    assert_eq!(error.to_string(), format!("the job {id} is cancelled"));
}

#[rstest]
#[case::retry(Outcome::Retry { after: LEASE })]
#[case::snooze(Outcome::Snooze { after: LEASE })]
#[case::release(Outcome::Release)]
#[tokio::test]
async fn a_job_to_cancel_does_not_wait_for_another_attempt(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[case] outcome: Outcome,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let claimed = store.claimed().await;
    store.at(1).cancel(claimed.id).await.unwrap();
    let mut failed = report(&claimed, outcome);
    failed.errors = Some(r#"[{"attempt":1,"at":"2026-01-01T00:00:00Z","error":"no"}]"#.to_owned());
    let verdicts = store.at(2).finish(&[failed.clone()]).await.unwrap();
    assert_eq!(verdicts, [Verdict::Taken]);
    let job = store.finished(claimed.id).await;
    assert_eq!(job.state, JobState::Cancelled);
    assert_eq!(job.errors.unwrap()[0]["error"], "no");
    // The same report again, because its answer was lost.
    assert_eq!(
        store.at(3).finish(&[failed]).await.unwrap(),
        [Verdict::Taken]
    );

    store.at(4).retry(claimed.id).await.unwrap();
    let again = store.claim(store.worker().await, 1).await;
    assert_eq!(again[0].cancel_requested_at, None);
}

#[rstest]
#[tokio::test]
async fn a_running_job_is_cancelled_by_its_worker(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let claimed = store.claimed_notes(2).await;
    let worker = store.job(claimed[0].id).await.worker_id.unwrap();
    let requested = async || {
        let leases = store.at(1).leases(worker, LEASE).await.unwrap().own;
        assert_eq!(leases.len(), 2);
        let requested = leases
            .iter()
            .filter(|lease| lease.cancel_requested_at.is_some());
        requested.map(|lease| lease.id).collect::<Vec<_>>()
    };
    assert_eq!(requested().await, Vec::<Uuid>::new());
    let cancelled = store.at(1).cancel(claimed[0].id).await.unwrap();
    assert_eq!(cancelled, Cancelled::Requested);
    assert_eq!(requested().await, [claimed[0].id]);
    assert_eq!(
        store.job(claimed[0].id).await.cancel_requested_at,
        Some(store.time(1))
    );

    let outcome = report(&claimed[0], Outcome::Cancelled);
    store.at(2).finish(&[outcome]).await.unwrap();
    let finished = store.finished(claimed[0].id).await;
    assert_eq!(finished.state, JobState::Cancelled);
}

#[rstest]
#[tokio::test]
async fn a_paused_queue_yields_nothing_until_it_is_resumed(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let waiting = store.enqueue_notes(1).await;
    let slow = store.enqueue(note().queue("slow")).await;
    let worker = store.worker().await;
    store.at(0).pause("default").await.unwrap();
    store.at(0).pause("default").await.unwrap();
    assert_eq!(store.claim(worker, 1).await, []);
    let claimed = store.at(0).claim(worker, "slow", 1).await.unwrap();
    assert_eq!(ids(&claimed), [slow]);
    store.at(0).resume("default").await.unwrap();
    assert_eq!(ids(&store.claim(worker, 1).await), waiting);
}

#[rstest]
#[tokio::test]
async fn a_pause_and_a_limit_do_not_undo_each_other(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    store.at(0).limit("default", Some(1)).await.unwrap();
    store.at(0).pause("default").await.unwrap();
    store.at(0).resume("default").await.unwrap();
    assert_eq!(store.at(0).limited_queues().await.unwrap(), ["default"]);
    store.at(0).limit("default", None).await.unwrap();
    assert_eq!(
        store.at(0).limited_queues().await.unwrap(),
        Vec::<String>::new()
    );
}

#[rstest]
#[tokio::test]
async fn a_limit_holds_across_all_workers(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    store.enqueue_notes(20).await;
    store.at(0).limit("default", Some(3)).await.unwrap();
    let mut claims = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let worker = store.worker().await;
        let other = bare_queue::testing::JobStore::new(store.database.connect_again().await)
            .at(store.time(0));
        claims.spawn(async move { other.claim_limited(worker, "default", 2).await });
    }
    let mut claimed = Vec::new();
    while let Some(jobs) = claims.join_next().await {
        claimed.extend(jobs.unwrap().unwrap());
    }
    assert_eq!(claimed.len(), 3);

    let ended: Vec<_> = claimed
        .iter()
        .map(|job| report(job, Outcome::Completed))
        .collect();
    store.at(0).finish(&ended[..2]).await.unwrap();
    let worker = store.worker().await;
    let next = store
        .at(0)
        .claim_limited(worker, "default", 10)
        .await
        .unwrap();
    assert_eq!(next.len(), 2);
}

#[rstest]
#[tokio::test]
async fn jobs_are_listed_newest_first_by_state_queue_and_kind(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let first = store.enqueue(note()).await;
    let second = store.enqueue(note().queue("slow")).await;
    let third = store.enqueue(note()).await;
    store.at(0).cancel(first).await.unwrap();
    let list = async |filter: Filter, limit| {
        let jobs = store.at(0).list(&filter, limit).await.unwrap();
        jobs.into_iter().map(|job| job.id).collect::<Vec<_>>()
    };
    assert_eq!(list(Filter::default(), 10).await, [third, second, first]);
    assert_eq!(list(Filter::default(), 2).await, [third, second]);
    let state = Some(JobState::Cancelled);
    assert_eq!(
        list(
            Filter {
                state,
                ..Filter::default()
            },
            10
        )
        .await,
        [first]
    );
    let queue = Some("slow".to_owned());
    assert_eq!(
        list(
            Filter {
                queue,
                ..Filter::default()
            },
            10
        )
        .await,
        [second]
    );
    let kind = Some("other".to_owned());
    assert_eq!(
        list(
            Filter {
                kind,
                ..Filter::default()
            },
            10
        )
        .await,
        Vec::<Uuid>::new()
    );
}

#[rstest]
#[tokio::test]
async fn a_filter_for_unfinished_jobs_finds_no_finished_ones(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let first = store.enqueue(note()).await;
    let cancelled = store.enqueue(note()).await;
    store.at(0).cancel(cancelled).await.unwrap();
    let other = store.enqueue(note().queue("slow")).await;
    let all = store.at(0).unfinished(&Filter::default()).await.unwrap();
    assert_eq!(all, [first, other]);
    let queue = Some("slow".to_owned());
    let slow = Filter {
        queue,
        ..Filter::default()
    };
    assert_eq!(store.at(0).unfinished(&slow).await.unwrap(), [other]);
}

#[rstest]
#[tokio::test]
async fn statistics_count_by_queue_and_kind(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let claimed = store.claimed_notes(2).await;
    store
        .at(0)
        .finish(&[report(&claimed[0], Outcome::Dead)])
        .await
        .unwrap();
    store.enqueue_notes(3).await;
    store
        .enqueue(
            note()
                .queue("slow")
                .delay(std::time::Duration::from_hours(1)),
        )
        .await;
    let stats = store.at(0).stats().await.unwrap();
    let counts: Vec<_> = stats
        .iter()
        .map(|row| {
            (
                &*row.queue,
                &*row.kind,
                row.scheduled,
                row.available,
                row.running,
                row.dead,
            )
        })
        .collect();
    assert_eq!(
        counts,
        [
            ("default", "note", 0, 3, 1, 1),
            ("slow", "note", 1, 0, 0, 0)
        ]
    );
    assert!(stats[0].oldest.is_some());
    assert_eq!(stats[1].oldest, None);
}

#[rstest]
#[tokio::test]
async fn a_job_whose_payload_jsonb_cannot_hold_can_be_cancelled_and_retried(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let id = store.enqueue(note()).await;
    let payload = r#"UPDATE job SET payload = '"\u0000"'"#;
    store.database.execute(payload).await;
    store.at(1).cancel(id).await.unwrap();
    assert_eq!(store.count_finished().await, 1);
    store.at(2).retry(id).await.unwrap();
    assert_eq!(store.job(id).await.payload, "\0");
    assert_eq!(store.count_finished().await, 0);
}

#[rstest]
#[case::nested_deeply(format!("{}1{}", "[".repeat(200), "]".repeat(200)))]
#[case::a_number_of_no_type("1e999".to_owned())]
#[tokio::test]
async fn a_payload_that_only_its_task_can_decode_is_nobody_else_s_business(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[case] payload: String,
) {
    let Some(store) = TestStore::open(backend).await else {
        return;
    };
    let (id, other) = (store.enqueue(note()).await, store.enqueue(note()).await);
    let sql = format!(
        "UPDATE job SET payload = '{payload}', priority = -1 WHERE run_at = (SELECT min(run_at) FROM job)"
    );
    store.database.execute(&sql).await;

    let claimed = store.claim(store.worker().await, 2).await;
    assert_eq!(ids(&claimed), [id, other]);
    assert_eq!(claimed[0].payload, payload);
    // Its worker dies, and another one.
    assert_eq!(store.at(61).rescue().await.unwrap().requeued, 2);
    let worker = store.worker_at(62).await;
    let claimed = store.at(62).claim(worker, "default", 2).await.unwrap();
    let ended = claimed.iter().map(|job| report(job, Outcome::Dead));
    let ended: Vec<_> = ended.collect();
    assert_eq!(
        store.at(63).finish(&ended).await.unwrap(),
        [Verdict::Taken; 2]
    );

    store.at(64).retry(id).await.unwrap();
    store.at(65).cancel(id).await.unwrap();
    let shown = store.at(66).show(id).await.unwrap().unwrap();
    assert!(serde_json::to_string(&shown).unwrap().contains(&payload));
    let all = store.at(66).list(&Filter::default(), 10).await.unwrap();
    assert_eq!(all.len(), 2);
}
