//! `graphile_worker`, set as its own benchmark sets it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use graphile_worker::{
    Database, IntoTaskHandlerResult, JobSpec, LocalQueueConfig, RawJobSpec, TaskHandler,
    WorkerContext, WorkerOptions, WorkerUtils,
};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::sync::Notify;

use super::{BATCH, Run, until_none};

const SCHEMA: &str = "graphile_worker";

#[derive(Debug, Serialize, Deserialize)]
struct Nothing {
    id: u32,
}

#[derive(Clone, Debug)]
struct Count {
    jobs: u32,
    count: Arc<AtomicU32>,
    last: Arc<Notify>,
}

impl TaskHandler for Nothing {
    const IDENTIFIER: &'static str = "nothing";

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        if let Some(count) = context.get_ext::<Count>()
            && count.count.fetch_add(1, Ordering::Relaxed) + 1 == count.jobs
        {
            count.last.notify_one();
        }
        Ok::<(), String>(())
    }
}

async fn pool(url: &str, connections: u32) -> anyhow::Result<PgPool> {
    let options = PgPoolOptions::new().max_connections(connections);
    Ok(options.connect(url).await?)
}

async fn utils(url: &str, connections: u32) -> anyhow::Result<WorkerUtils> {
    let database: Database = pool(url, connections).await?.into();
    Ok(WorkerUtils::new(database, SCHEMA))
}

pub async fn prepare(url: &str) -> anyhow::Result<()> {
    Ok(utils(url, 2).await?.migrate().await?)
}

pub async fn enqueue(url: &str, jobs: u32) -> anyhow::Result<()> {
    let utils = utils(url, 2).await?;
    let jobs: Vec<RawJobSpec> = (0..jobs)
        .map(|id| RawJobSpec {
            identifier: Nothing::IDENTIFIER.to_owned(),
            payload: serde_json::json!({ "id": id }),
            spec: JobSpec::default(),
        })
        .collect();
    for batch in jobs.chunks(BATCH) {
        utils.add_raw_jobs(batch).await?;
    }
    Ok(())
}

pub async fn enqueue_single(run: &Run, clients: u32) -> anyhow::Result<()> {
    let utils = Arc::new(utils(&run.url, clients).await?);
    let share = run.jobs / clients;
    let clients = (0..clients).map(|_| {
        let utils = Arc::clone(&utils);
        tokio::spawn(async move {
            for id in 0..share {
                utils.add_job(Nothing { id }, JobSpec::default()).await?;
            }
            anyhow::Ok(())
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await??;
    }
    Ok(())
}

pub async fn execute(
    run: &Run,
    concurrency: usize,
    local_queue: Option<usize>,
) -> anyhow::Result<()> {
    let count = Count {
        jobs: run.jobs,
        count: Arc::default(),
        last: Arc::default(),
    };
    let mut options = WorkerOptions::default()
        .pg_pool(pool(&run.url, 100).await?)
        .schema(SCHEMA)
        .concurrency(concurrency)
        .poll_interval(Duration::from_millis(5))
        .complete_job_batch_delay(Duration::from_millis(5))
        .add_extension(count.clone())
        .define_job::<Nothing>();
    if let Some(size) = local_queue {
        options = options.local_queue(LocalQueueConfig::default().with_size(size));
    }
    let worker = Arc::new(options.init().await?);
    let running = tokio::spawn({
        let worker = Arc::clone(&worker);
        async move { worker.run().await }
    });
    count.last.notified().await;
    let left = "SELECT EXISTS (SELECT FROM graphile_worker._private_jobs)";
    until_none(&run.url, left).await?;
    worker.request_shutdown();
    drop(running);
    Ok(())
}
