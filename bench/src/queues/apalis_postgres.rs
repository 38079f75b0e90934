//! `apalis-postgres`, the storage that comes with apalis.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use apalis::prelude::*;
use apalis_postgres::{Config, PostgresStorage};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::sync::Notify;

use super::{BATCH, Run, until_none};

const QUEUE: &str = "race";

async fn pool(url: &str) -> anyhow::Result<PgPool> {
    Ok(PgPoolOptions::new()
        .max_connections(20)
        .connect(url)
        .await?)
}

pub async fn prepare(url: &str) -> anyhow::Result<()> {
    Ok(PostgresStorage::setup(&pool(url).await?).await?)
}

pub async fn enqueue(url: &str, jobs: u32) -> anyhow::Result<()> {
    let config = Config::default().queue(QUEUE);
    let mut storage = PostgresStorage::<u32>::new(&pool(url).await?).with_config(config);
    let ids: Vec<u32> = (0..jobs).collect();
    for batch in ids.chunks(BATCH) {
        let pushed = storage.push_bulk(batch.to_vec()).await;
        pushed.map_err(|error| anyhow::anyhow!("{error:?}"))?;
    }
    Ok(())
}

pub async fn execute(run: &Run, workers: usize, batch: usize) -> anyhow::Result<()> {
    let pool = pool(&run.url).await?;
    let (jobs, last) = (run.jobs, Arc::new(Notify::new()));
    let count = Arc::new(AtomicU32::new(0));
    for number in 0..workers {
        let config = Config::default().queue(QUEUE).batch_size(batch);
        let storage = PostgresStorage::<u32>::new(&pool).with_config(config);
        let (count, last) = (Arc::clone(&count), Arc::clone(&last));
        let worker = WorkerBuilder::new(format!("race-{number}"))
            .backend(storage)
            .build(move |_: u32| {
                if count.fetch_add(1, Ordering::Relaxed) + 1 == jobs {
                    last.notify_one();
                }
                async { Ok::<(), BoxDynError>(()) }
            });
        tokio::spawn(worker.run());
    }
    last.notified().await;
    let left = "SELECT EXISTS (SELECT FROM apalis.jobs WHERE status <> 'Done')";
    until_none(&run.url, left).await
}
