//! Workers that freeze in a transaction: their locks are released within seconds.

use std::{
    pin::{Pin, pin},
    time::Duration,
};

use bare_testkit::Backend;
use sea_orm::{ConnectionTrait as _, DbBackend, Statement};

use crate::test_store::{TestStore, ids, note};

/// Far longer than it takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Polls `work` until its first statement on `job` waits for a lock, and no further.
async fn freeze_at_the_jobs<F: Future>(store: &TestStore, work: Pin<&mut F>) {
    let locked = bare_database::begin(store.db()).await.unwrap();
    let lock = "LOCK TABLE job IN ACCESS EXCLUSIVE MODE";
    locked.execute_unprepared(lock).await.unwrap();
    tokio::select! {
        _ = work => panic!("it went past the lock"),
        () = somebody_waits(store) => {}
    }
    locked.commit().await.unwrap();
}

async fn somebody_waits(store: &TestStore) {
    let sql = "SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
               WHERE datname = current_database() AND relation = 'job'::regclass AND NOT granted";
    let waiting = || Statement::from_string(DbBackend::Postgres, sql);
    while store.db().query_one_raw(waiting()).await.unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_worker_that_freezes_in_a_claim_does_not_block_a_limited_queue() {
    let Some(store) = TestStore::open(Backend::Postgres).await else {
        return;
    };
    let (job, worker) = (store.enqueue(note()).await, store.worker().await);
    store.at(0).limit("default", Some(1)).await.unwrap();
    let another = store.elsewhere_at(0).await;
    let mut frozen = pin!(another.claim_limited(worker, "default", 1));
    freeze_at_the_jobs(&store, frozen.as_mut()).await;

    let store = store.at(0);
    let claim = store.claim_limited(worker, "default", 1);
    let claimed = tokio::time::timeout(PATIENCE, claim).await;
    assert_eq!(ids(&claimed.expect("it waits forever").unwrap()), [job]);
    assert!(frozen.await.is_err(), "both have claimed it");
}

#[tokio::test]
async fn a_tick_is_enqueued_once_if_a_worker_freezes_while_it_enqueues_it() {
    let Some(store) = TestStore::open(Backend::Postgres).await else {
        return;
    };
    store.at(0).last_tick("test", store.time(0)).await.unwrap();
    let another = store.elsewhere_at(0).await;
    let mut frozen = pin!(another.fire("test", store.time(1), note()));
    freeze_at_the_jobs(&store, frozen.as_mut()).await;

    let fire = async || store.at(0).fire("test", store.time(1), note()).await;
    let fired = tokio::time::timeout(PATIENCE, fire()).await;
    assert!(fired.expect("it waits forever").unwrap());
    assert!(frozen.await.is_err(), "both have enqueued it");
    assert_eq!(store.count().await, 1);
}
