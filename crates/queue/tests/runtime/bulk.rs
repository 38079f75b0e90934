//! Jobs with large payloads. This test takes long, and tests start in the order of their names.

use bare_queue::{
    JobContext, Registry, Task, enqueue_many, entities::finished_job, testing::SCHEMA,
};
use bare_testkit::{TestDatabase, postgres::Server};
use sea_orm::{EntityTrait as _, PaginatorTrait as _};
use serde::{Deserialize, Serialize};

use crate::{
    proxy::Proxy,
    queue::{Queue, until},
};

const MEGABYTE: usize = 1_000_000;

/// How many jobs there are, and how many slots for them. They do not arrive within the time limit of a
/// statement, 5 s, all at once.
const JOBS: u32 = 30;
const BYTES_PER_SECOND: u32 = 5_000_000;

#[derive(Serialize, Deserialize)]
struct Bulk(String);

impl Task for Bulk {
    const KIND: &'static str = "bulk";
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_cannot_arrive_in_one_claim_arrive_in_smaller_ones() {
    let Some(server) = Server::start() else {
        return;
    };
    let database = TestDatabase::with_schema_on(&server, "bulk", SCHEMA).await;
    let queue = Queue { database };
    let proxy = Proxy::start(queue.database.url()).await;
    proxy.slow_down(BYTES_PER_SECOND);
    let jobs = (0..JOBS).map(|_| Bulk("x".repeat(MEGABYTE)).job());
    enqueue_many(queue.db(), jobs).await.unwrap();
    let queues = format!("default:{JOBS}");
    let variables = [
        ("DATABASE_URL", proxy.url()),
        ("WORKER_QUEUES", queues.as_str()),
    ];
    let tasks = Registry::new().task(|_: Bulk, _: &JobContext| async { Ok(()) });
    let worker = queue.start(tasks, &variables).await;
    until(async || {
        let finished = finished_job::Entity::find()
            .count(queue.db())
            .await
            .unwrap();
        (finished == u64::from(JOBS)).then_some(())
    })
    .await;
    worker.stop().await;
}
