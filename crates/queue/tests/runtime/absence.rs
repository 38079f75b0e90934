//! The database goes away and comes back, or no longer answers. These tests take longest, and tests
//! start in the order of their names.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use bare_queue::{JobState, Task as _, enqueue_many, entities::finished_job, testing::SCHEMA};
use bare_testkit::{
    Backend::Postgres,
    TestDatabase,
    postgres::{Server, StopMode},
};
use sea_orm::{ConnectionTrait as _, DbBackend, EntityTrait, PaginatorTrait, Statement};

use crate::{
    gate::Gate,
    proxy::Proxy,
    queue::{Queue, Work, tasks, until},
};

/// Longer than a statement waits for a connection, and far longer than a lease: every lease is over
/// by the database's clock when the database is back.
const ABSENCE: Duration = bare_database::ACQUIRE_TIMEOUT.saturating_add(Duration::from_secs(1));

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_survives_a_database_outage_and_runs_no_finished_job_again() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let database = TestDatabase::with_schema_on(&server, "outage", SCHEMA).await;
    let mut queue = Queue { database };
    let runs = Arc::new(AtomicU32::new(0));
    let (ends_meanwhile, ends_later) = (Gate::closed(), Gate::closed());
    let gates = [ends_meanwhile.clone(), ends_later.clone()];
    let counts = Arc::clone(&runs);
    let code = tasks(move |work, _| {
        counts.fetch_add(1, SeqCst);
        let gate = gates.get(work.0 as usize).cloned();
        async move {
            if let Some(gate) = gate {
                gate.pass().await;
            }
            Ok(())
        }
    });
    let worker = queue.start(code, &[("JOB_LEASE_SECONDS", "2")]).await;
    let meanwhile = queue.enqueue(Work(0).job()).await;
    let later = queue.enqueue(Work(1).job()).await;
    ends_meanwhile.is_reached_by(1).await;
    ends_later.is_reached_by(1).await;

    server.stop(StopMode::Fast);
    ends_meanwhile.open(1);
    tokio::time::sleep(ABSENCE).await;
    server.start_again();
    // The test's own connections are lost as well.
    queue.database.db = queue.database.connect_again().await;
    let new = queue.enqueue(Work(2).job()).await;
    queue.finished(new).await;
    ends_later.open(1);

    for id in [meanwhile, later, new] {
        let job = queue.finished(id).await;
        assert_eq!(job.state, JobState::Completed);
        assert_eq!((job.attempt, job.lease_number, job.deaths), (1, 1, 0));
    }
    assert_eq!(runs.load(SeqCst), 3);
    worker.stop().await;
}

/// As if the server's host was lost, which TCP notices only after a quarter of an hour.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_replaces_lost_connections_within_seconds() {
    let Some(server) = Server::start() else {
        return;
    };
    let database = TestDatabase::with_schema_on(&server, "nowhere", SCHEMA).await;
    let proxy = Proxy::start(database.url()).await;
    let queue = Queue { database };
    let variables = [("DATABASE_URL", proxy.url())];
    let code = tasks(|_, _| async { Ok(()) });
    let worker = queue.start(code, &variables).await;
    let before = queue.enqueue(Work(1).job()).await;
    queue.finished(before).await;
    let lost = listeners(&queue).await;
    proxy.lose_connections();
    let after = queue.enqueue(Work(2).job()).await;
    let job = queue.finished(after).await;
    assert_eq!((job.attempt, job.deaths), (1, 0));
    until(async || {
        let now = listeners(&queue).await;
        (now.difference(&lost).next()).copied()
    })
    .await;
    worker.stop().await;
}

/// The server's processes that serve a listener.
async fn listeners(queue: &Queue) -> HashSet<i32> {
    let sql = "SELECT pid FROM pg_stat_activity WHERE application_name = 'worker-listener'";
    let statement = Statement::from_string(DbBackend::Postgres, sql);
    let rows = queue.db().query_all_raw(statement).await.unwrap();
    let pids = rows.iter().map(|row| row.try_get("", "pid").unwrap());
    pids.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_jobs_start_while_outcomes_cannot_be_stored() {
    const JOBS: u32 = 6_000;

    let Some(queue) = Queue::on(Postgres).await else {
        return;
    };
    let database = &queue.database;
    database
        .execute("ALTER TABLE finished_job RENAME TO away")
        .await;
    let jobs = (0..JOBS).map(|number| Work(number).job());
    enqueue_many(queue.db(), jobs).await.unwrap();
    let runs = Arc::new(AtomicU32::new(0));
    let counts = Arc::clone(&runs);
    let code = tasks(move |_, _| {
        counts.fetch_add(1, SeqCst);
        async { Ok(()) }
    });
    let variables = [("WORKER_QUEUES", "default:100"), ("JOB_LEASE_SECONDS", "2")];
    let worker = queue.start(code, &variables).await;
    until(async || (runs.load(SeqCst) > JOBS / 2).then_some(())).await;
    let expiry = async || {
        queue
            .workers()
            .await
            .first()
            .map(|worker| worker.expires_at)
    };
    for _ in 0..2 {
        let before = expiry().await;
        until(async || (expiry().await > before).then_some(())).await;
    }
    assert!(runs.load(SeqCst) < JOBS);

    database
        .execute("ALTER TABLE away RENAME TO finished_job")
        .await;
    until(async || {
        let count = finished_job::Entity::find().count(queue.db()).await;
        (count.unwrap() == u64::from(JOBS)).then_some(())
    })
    .await;
    assert_eq!(runs.load(SeqCst), JOBS);
    worker.stop().await;
}
