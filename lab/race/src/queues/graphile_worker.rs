//! `graphile_worker`, set as its own benchmark sets it, or quicker.

use std::{sync::Arc, time::Duration};

use graphile_worker::{
    Database, IntoTaskHandlerResult, JobSpec, LocalQueueConfig, RawJobSpec, TaskHandler,
    WorkerContext, WorkerOptions, WorkerUtils,
};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, postgres::PgPoolOptions};

use super::{
    BATCH, Contender, Jobs, Order, PAUSE, offer, until_none,
    watch::{Watch, now},
};

const SCHEMA: &str = "graphile_worker";

#[derive(Debug, Serialize, Deserialize)]
struct Nothing {
    id: u32,
}

impl TaskHandler for Nothing {
    const IDENTIFIER: &'static str = "nothing";

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        if let Some(watch) = context.get_ext::<Watch>() {
            watch.began(self.id);
        }
        Ok::<(), String>(())
    }
}

async fn pool(url: &str, connections: u32) -> anyhow::Result<PgPool> {
    // As ours, and as SQL alone: without a round trip to see whether the connection is there.
    let options = PgPoolOptions::new()
        .max_connections(connections)
        .test_before_acquire(false);
    Ok(options.connect(url).await?)
}

async fn utils(url: &str, connections: u32) -> anyhow::Result<WorkerUtils> {
    let database: Database = pool(url, connections).await?.into();
    Ok(WorkerUtils::new(database, SCHEMA))
}

pub async fn prepare(url: &str) -> anyhow::Result<()> {
    Ok(utils(url, 2).await?.migrate().await?)
}

pub async fn enqueue(url: &str, jobs: u32, like: Jobs) -> anyhow::Result<()> {
    let utils = utils(url, 2).await?;
    let priority = |id| match like {
        Jobs::Alike => Ok(None),
        Jobs::TenPriorities => Ok(Some(i16::try_from(id % 10)?)),
        other => anyhow::bail!("graphile_worker has no {other:?}"),
    };
    let spec = |id| {
        anyhow::Ok(RawJobSpec {
            identifier: Nothing::IDENTIFIER.to_owned(),
            payload: serde_json::json!({ "id": id }),
            spec: JobSpec {
                priority: priority(id)?,
                ..JobSpec::default()
            },
        })
    };
    let jobs: Vec<RawJobSpec> = (0..jobs).map(spec).collect::<anyhow::Result<_>>()?;
    for batch in jobs.chunks(BATCH) {
        utils.add_raw_jobs(batch).await?;
    }
    Ok(())
}

pub async fn enqueue_single(order: &Order, clients: u32) -> anyhow::Result<()> {
    let utils = Arc::new(utils(&order.url, clients).await?);
    let share = order.jobs / clients;
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

/// By its own function in SQL, so that the commit can be timed.
#[expect(clippy::disallowed_methods, reason = "the peer's own way")]
pub async fn offer(order: &Order, rate: u32, batch: u32) -> anyhow::Result<Vec<f64>> {
    let pool = pool(&order.url, 10).await?;
    offer::evenly(order.jobs, rate, batch, |ids| {
        let pool = pool.clone();
        async move {
            let mut txn = pool.begin().await?;
            for id in ids {
                sqlx::query("SELECT graphile_worker.add_job('nothing', $1::json)")
                    .bind(format!("{{\"id\":{id}}}"))
                    .execute(&mut *txn)
                    .await?;
            }
            let at = now();
            txn.commit().await?;
            Ok(at)
        }
    })
    .await
}

pub async fn execute(order: &Order) -> anyhow::Result<Vec<f64>> {
    let watch = Watch::new(order);
    let running = tokio::spawn(work(order.clone(), watch.clone()));
    watch.all().await;
    let left = "SELECT EXISTS (SELECT FROM graphile_worker._private_jobs)";
    until_none(&order.url, left, PAUSE).await?;
    let measured = watch.measured();
    running.abort();
    Ok(measured)
}

/// Runs a worker. It was seen to end after a deadlock of its own, and a supervisor would then start
/// another.
async fn work(order: Order, watch: Watch) -> anyhow::Result<()> {
    let Contender::GraphileWorker {
        concurrency,
        local_queue,
    } = order.contender
    else {
        anyhow::bail!("it is not graphile_worker");
    };
    loop {
        let mut options = WorkerOptions::default()
            .pg_pool(pool(&order.url, 100).await?)
            .schema(SCHEMA)
            .concurrency(concurrency)
            .poll_interval(Duration::from_millis(5))
            .complete_job_batch_delay(Duration::from_millis(5))
            .add_extension(watch.clone())
            .define_job::<Nothing>();
        if let Some(size) = local_queue {
            options = options.local_queue(LocalQueueConfig::default().with_size(size));
        }
        match options.init().await?.run().await {
            Ok(()) => eprintln!("graphile_worker has ended; another one starts"),
            Err(error) => eprintln!("graphile_worker has failed ({error}); another one starts"),
        }
    }
}
