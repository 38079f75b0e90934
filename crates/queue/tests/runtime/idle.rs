//! How an idle worker hears of a new job.

use std::time::Duration;

use bare_queue::Task as _;
use bare_testkit::Backend::{self, Postgres, Sqlite};
use rstest::rstest;
use sea_orm::{ConnectionTrait, Statement};

use crate::queue::{Queue, Work, tasks};

/// After this time the claims of an idle worker are about a second apart, and the next one is not
/// due within [`MOMENT`].
const IDLE: Duration = Duration::from_millis(1600);

const MOMENT: chrono::Duration = chrono::Duration::milliseconds(400);

/// How long a new job waits for an idle worker.
async fn wait_when_idle(queue: &Queue) -> chrono::Duration {
    tokio::time::sleep(IDLE).await;
    let id = queue.enqueue(Work(0).job()).await;
    let job = queue.finished(id).await;
    job.started_at.unwrap() - job.created_at
}

async fn sessions_that_listen(queue: &Queue) -> i64 {
    let sql = "SELECT count(*) AS count FROM pg_stat_activity
               WHERE datname = current_database() AND application_name = 'worker-listener'";
    let statement = Statement::from_string(queue.db().get_database_backend(), sql);
    let row = queue.db().query_one_raw(statement).await.unwrap().unwrap();
    row.try_get("", "count").unwrap()
}

#[tokio::test]
async fn a_commit_wakes_an_idle_worker_on_postgresql() {
    let Some(queue) = Queue::on(Postgres).await else {
        return;
    };
    let worker = queue.start(tasks(|_, _| async { Ok(()) }), &[]).await;
    let mut waits = Vec::new();
    // Several tries, because the machine may be busy.
    while waits.len() < 3 && waits.last().is_none_or(|wait| *wait > MOMENT) {
        waits.push(wait_when_idle(&queue).await);
    }
    assert!(
        waits.last().is_some_and(|wait| *wait <= MOMENT),
        "{waits:?}"
    );
    assert_eq!(sessions_that_listen(&queue).await, 1);
    worker.stop().await;
}

#[rstest]
#[tokio::test]
async fn an_idle_worker_that_does_not_listen_polls(#[values(Sqlite, Postgres)] backend: Backend) {
    let Some(queue) = Queue::on(backend).await else {
        return;
    };
    let off = [("DATABASE_LISTEN_URL", "off")];
    let worker = queue.start(tasks(|_, _| async { Ok(()) }), &off).await;
    let wait = wait_when_idle(&queue).await;
    assert!(wait < chrono::Duration::seconds(5), "{wait}");
    if backend == Postgres {
        assert_eq!(sessions_that_listen(&queue).await, 0);
    }
    worker.stop().await;
}
