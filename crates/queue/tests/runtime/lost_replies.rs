//! Lost replies of the database, and its refusals. These tests take long, and tests start in the
//! order of their names.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use bare_queue::{
    JobState, NewJob, Task as _, enqueue_many,
    entities::{finished_job, job},
    testing::{SCHEMA, heartbeat_interval},
};
use bare_testkit::{
    Backend::{self, Postgres, Sqlite},
    TestDatabase,
    postgres::Server,
};
use rstest::rstest;
use sea_orm::{ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    gate::Gate,
    proxy::Proxy,
    queue::{Queue, Work, tasks, until},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_job_runs_within_two_heartbeats_if_the_reply_to_its_claim_is_lost() {
    const LEASE: Duration = Duration::from_secs(8);
    /// The time to connect again on a busy machine.
    const MOMENT: Duration = Duration::from_secs(1);

    let Some(server) = Server::start() else {
        return;
    };
    let database = TestDatabase::with_schema_on(&server, "replies", SCHEMA).await;
    let proxy = Proxy::start(database.url()).await;
    let queue = Queue { database };
    let jobs: Vec<NewJob> = (0..2000).map(|number| Work(number).job()).collect();
    enqueue_many(queue.db(), jobs).await.unwrap();
    let variables = [
        ("DATABASE_URL", proxy.url()),
        ("WORKER_QUEUES", "default:1"),
        ("DATABASE_LISTEN_URL", "off"),
        ("JOB_LEASE_SECONDS", &LEASE.as_secs().to_string()),
    ];
    let begun = Arc::<Mutex<HashSet<Uuid>>>::default();
    let notes = Arc::clone(&begun);
    let code = tasks(move |_, job| {
        notes.lock().unwrap().insert(job.id);
        async {
            // Otherwise the jobs would keep the machine busy while the test waits for the lost one.
            tokio::time::sleep(Duration::from_millis(5)).await;
            Ok(())
        }
    });
    let worker = queue.start(code, &variables).await;
    // Claims follow each other until one is not answered. It may take several tries: a claim is not
    // even sent if its connection first has to prepare the statement.
    let finished = async || {
        finished_job::Entity::find()
            .count(queue.db())
            .await
            .unwrap()
    };
    let mut enough = 0;
    let id = loop {
        enough += 100;
        until(async || (finished().await >= enough).then_some(())).await;
        proxy.swallow_replies();
        let id = claimed_in_vain(&queue, &begun).await;
        proxy.cut_and_behave();
        if let Some(id) = id {
            break id;
        }
        enough = finished().await;
    };
    let start = Instant::now();
    let job = queue.finished(id).await;
    let took = start.elapsed();
    assert!(took <= 2 * heartbeat_interval(LEASE) + MOMENT, "{took:?}");
    // The lost claim, its return, and the claim that was answered.
    assert_eq!((job.lease_number, job.attempt, job.deaths), (3, 1, 0));
    worker.stop().await;
}

/// A job that is running in the database, but has not begun in the worker.
async fn claimed_in_vain(queue: &Queue, begun: &Mutex<HashSet<Uuid>>) -> Option<Uuid> {
    tokio::time::sleep(Duration::from_millis(300)).await;
    let running = job::Entity::find().filter(job::Column::State.eq(JobState::Running));
    let running = running.all(queue.db()).await.unwrap();
    let mut ids = running.into_iter().map(|job| job.id);
    ids.find(|id| !begun.lock().unwrap().contains(id))
}

/// Makes the database refuse every finished job with the payload 13.
fn refusal(backend: Backend) -> (&'static str, &'static str) {
    match backend {
        Postgres => (
            "ALTER TABLE finished_job ADD CONSTRAINT no_13 CHECK (payload::text <> '13')",
            "ALTER TABLE finished_job DROP CONSTRAINT no_13",
        ),
        Sqlite => (
            "CREATE TRIGGER no_13 BEFORE INSERT ON finished_job WHEN NEW.payload = '13'
             BEGIN SELECT RAISE(ABORT, 'not 13'); END",
            "DROP TRIGGER no_13",
        ),
    }
}

#[rstest]
#[tokio::test]
async fn an_outcome_that_the_database_refuses_is_stored_later_and_does_not_hold_up_others(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let (refuse, allow) = refusal(backend);
    queue.database.execute(refuse).await;
    let refused = queue.enqueue(Work(13).job()).await;
    let mut others = Vec::new();
    for number in 0..9 {
        others.push(queue.enqueue(Work(number).job()).await);
    }
    let gate = Gate::closed();
    let at_gate = gate.clone();
    let code = tasks(move |_, _| {
        let gate = at_gate.clone();
        async move {
            gate.pass().await;
            Ok(())
        }
    });
    let worker = queue.start(code, &[]).await;
    gate.is_reached_by(10).await;
    gate.open(20);
    for id in others {
        queue.finished(id).await;
    }
    let later = queue.enqueue(Work(14).job()).await;
    queue.finished(later).await;
    assert_eq!(queue.job(refused).await.state, JobState::Running);

    queue.database.execute(allow).await;
    let job = queue.finished(refused).await;
    assert_eq!(job.state, JobState::Completed);
    assert_eq!((job.attempt, job.lease_number), (1, 1));
    worker.stop().await;
}
