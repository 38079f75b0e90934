//! `apalis-postgres`, the storage that comes with apalis.

use apalis::prelude::*;
use apalis_postgres::{Config, PostgresStorage};
use sqlx::{PgPool, postgres::PgPoolOptions};

use super::{BATCH, Contender, Order, PAUSE, until_none, watch::Watch};

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

pub async fn execute(order: &Order) -> anyhow::Result<Vec<f64>> {
    let Contender::ApalisPostgres { workers, batch } = order.contender else {
        anyhow::bail!("it is not apalis-postgres");
    };
    let watch = Watch::new(order);
    let pool = pool(&order.url).await?;
    for number in 0..workers {
        let config = Config::default().queue(QUEUE);
        let config = match batch {
            Some(batch) => config.batch_size(batch),
            None => config,
        };
        let storage = PostgresStorage::<u32>::new(&pool).with_config(config);
        let watch = watch.clone();
        let worker = WorkerBuilder::new(format!("race-{number}"))
            .backend(storage)
            .build(move |id: u32| {
                watch.began(id);
                async { Ok::<(), BoxDynError>(()) }
            });
        tokio::spawn(worker.run());
    }
    watch.all().await;
    let left = "SELECT EXISTS (SELECT FROM apalis.jobs WHERE status <> 'Done')";
    until_none(&order.url, left, PAUSE).await?;
    Ok(watch.measured())
}
