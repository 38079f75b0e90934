//! Jobs that are leased to a worker that does not hold them, and connections that get no answer.
//! These tests take long, and tests start in the order of their names.

use std::time::Duration;

use bare_queue::{JobState, Task as _, entities::job, testing::JobStore};
use bare_testkit::{
    Backend::{self, Postgres, Sqlite},
    process::Frozen,
};
use rstest::rstest;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, DbBackend, EntityTrait as _, PaginatorTrait as _,
    QueryFilter as _, Statement,
};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    gate::Gate,
    queue::{Queue, Work, tasks, until},
};

/// How long a session stays frozen: some heartbeats after the worker gave up on its claim.
const FROZEN: Duration = Duration::from_secs(9);

const VARIABLES: [(&str, &str); 1] = [("WORKER_QUEUES", "default:2")];

impl Queue {
    async fn ask(&self, sql: &str) -> Option<i64> {
        let statement = Statement::from_string(DbBackend::Postgres, sql);
        let row = self.db().query_one_raw(statement).await.unwrap();
        row.map(|row| row.try_get_by_index(0).unwrap())
    }

    /// Freezes the session of the claims while it is idle: its last claim is answered, and the
    /// connection is back in the pool.
    async fn freeze_the_claims(&self) -> Frozen {
        let claims = "SELECT pid::bigint FROM pg_stat_activity
                      WHERE datname = current_database() AND application_name = 'worker-queue'
                        AND query LIKE '%UPDATE job%LIMIT $4%'";
        let backend = until(async || self.ask(claims).await).await;
        let rests = format!(
            "SELECT 1::bigint FROM pg_stat_activity
             WHERE pid = {backend} AND state = 'idle'
               AND state_change < clock_timestamp() - interval '0.3 s'"
        );
        until(async || self.ask(&rests).await).await;
        Frozen::process(backend.try_into().unwrap())
    }

    /// Whether an abandoned claim makes all of these jobs running within seconds.
    async fn claims_late(&self, jobs: &[Uuid]) -> bool {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) {
            let running = job::Entity::find()
                .filter(job::Column::Id.is_in(jobs.iter().copied()))
                .filter(job::Column::State.eq(JobState::Running))
                .count(self.db());
            if running.await.unwrap() == jobs.len() as u64 {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        false
    }

    /// The jobs of a stranded claim: one is cancelled, the other runs.
    async fn goes_on_with(&self, cancelled: Uuid, runs: Uuid) {
        JobStore::new(self.db().clone())
            .cancel(cancelled)
            .await
            .unwrap();
        let job = self.finished(runs).await;
        assert_eq!(job.state, JobState::Completed);
        assert_eq!((job.attempt, job.deaths), (1, 0));
        let job = self.finished(cancelled).await;
        assert_eq!(job.state, JobState::Cancelled);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_a_claim_that_the_database_executes_late_run_or_are_cancelled() {
    let Some(queue) = Queue::on(Postgres).await else {
        return;
    };
    let gate = Gate::closed();
    let at_gate = gate.clone();
    let code = tasks(move |work, _| {
        let gate = at_gate.clone();
        async move {
            if work.0 == 0 {
                gate.pass().await;
            }
            Ok(())
        }
    });
    let worker = queue.start(code, &VARIABLES).await;
    let (cancelled, runs) = loop {
        let frozen = queue.freeze_the_claims().await;
        for _ in 0..2 {
            queue.enqueue(Work(0).job()).await;
        }
        // Another connection claims them when the worker gives up on the first.
        gate.is_reached_by(2).await;
        let (cancelled, runs) = (
            queue.enqueue(Work(1).job()).await,
            queue.enqueue(Work(2).job()).await,
        );
        tokio::time::sleep(FROZEN).await;
        drop(frozen);
        if queue.claims_late(&[cancelled, runs]).await {
            break (cancelled, runs);
        }
        // It takes another try if the session first had to prepare the claim.
        gate.open(2);
        queue.finished(cancelled).await;
        queue.finished(runs).await;
    };
    gate.open(2);
    queue.goes_on_with(cancelled, runs).await;
    worker.stop().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn jobs_leased_to_a_worker_that_does_not_hold_them_run_or_are_cancelled(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let late = Duration::from_hours(1);
    let cancelled = queue.enqueue(Work(1).job().delay(late)).await;
    let runs = queue.enqueue(Work(2).job().delay(late)).await;
    let worker = queue
        .start(tasks(|_, _| async { Ok(()) }), &VARIABLES)
        .await;
    // As if a claim was executed long after the worker gave up on it.
    let claim = "UPDATE job SET state = 'running', worker_id = (SELECT id FROM worker),
                                lease_number = 1, attempt = 1";
    queue.database.execute(claim).await;
    queue.goes_on_with(cancelled, runs).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_on_the_jobs_does_not_make_a_worker_open_more_connections() {
    /// With one queue, as docs/scaling.md says, without the pool of its tasks.
    const CONNECTIONS: i64 = 5;
    /// More than twice the time limit of a statement.
    const LOCKED: Duration = Duration::from_secs(14);

    let Some(queue) = Queue::on(Postgres).await else {
        return;
    };
    let worker = queue.start(tasks(|_, _| async { Ok(()) }), &[]).await;
    let id = queue.enqueue(Work(1).job()).await;
    queue.finished(id).await;
    let lock = bare_database::begin(queue.db()).await.unwrap();
    lock.execute_unprepared("LOCK TABLE job").await.unwrap();
    let sessions = "SELECT count(*) FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name LIKE 'worker-%'";
    let begun = Instant::now();
    let mut most = 0;
    while begun.elapsed() < LOCKED {
        most = most.max(queue.ask(sessions).await.unwrap());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(most <= CONNECTIONS, "{most} connections");
    drop(lock);
    let id = queue.enqueue(Work(2).job()).await;
    queue.finished(id).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_on_the_jobs_that_outlasts_a_lease_does_not_stop_running_jobs() {
    /// Almost two leases.
    const LOCKED: Duration = Duration::from_secs(15);

    let Some(queue) = Queue::on(Postgres).await else {
        return;
    };
    let gate = Gate::closed();
    let at_gate = gate.clone();
    let code = tasks(move |_, job| {
        let gate = at_gate.clone();
        async move {
            tokio::select! {
                () = gate.pass() => Ok(()),
                () = job.cancellation.cancelled() => panic!("the lease is over"),
            }
        }
    });
    let worker = queue.start(code, &VARIABLES).await;
    let id = queue.enqueue(Work(0).job()).await;
    gate.is_reached_by(1).await;
    let lock = bare_database::begin(queue.db()).await.unwrap();
    lock.execute_unprepared("LOCK TABLE job").await.unwrap();
    tokio::time::sleep(LOCKED).await;
    drop(lock);
    gate.open(1);
    let job = queue.finished(id).await;
    assert_eq!(job.state, JobState::Completed);
    // There was only one claim: a job whose lease is over would be claimed again.
    assert_eq!((job.lease_number, job.attempt, job.deaths), (1, 1, 0));
    worker.stop().await;
}
