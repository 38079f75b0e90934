//! The database goes away and comes back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use db::{entities::finished_job, jobs::Task as _};
use e2e::{
    TestDatabase,
    postgres::{Server, StopMode},
};

use crate::{
    gate::Gate,
    queue::{Queue, Work, tasks},
};

/// Longer than a statement waits for a connection, and far longer than a lease: by the database's
/// clock every lease is over when it is back.
const ABSENCE: Duration = db::ACQUIRE_TIMEOUT.saturating_add(Duration::from_secs(1));

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_outlives_its_database_s_absence_and_repeats_nothing_that_it_finished() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let database = TestDatabase::migrated_on(&server, "outage").await;
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
        assert_eq!(job.state, finished_job::State::Completed);
        assert_eq!((job.attempt, job.lease_number, job.deaths), (1, 1, 0));
    }
    assert_eq!(runs.load(SeqCst), 3);
    worker.stop().await;
}
