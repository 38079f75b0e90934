//! Our worker, as its binary runs it, with tasks that do next to nothing.

use std::future::pending;

use bare_queue::{Task as _, Worker, enqueue_many};
use sea_orm::DatabaseConnection;

use super::{
    Action, BATCH, Jobs, Order, PAUSE, offer,
    tasks::{Nothing, job, registry},
    until_none,
    watch::{Watch, now},
};
use crate::child::{Variables, say, settings};

/// Whether jobs are left that wait or run, in the queue that counts. Walks `job_running` and
/// `job_claim`, also in a table that is full of others.
pub const LEFT: &str = "
SELECT EXISTS (SELECT 1 FROM job WHERE state = 'running' AND queue = 'default')
    OR EXISTS (SELECT 1 FROM (SELECT id FROM job WHERE queue = 'default' AND state = 'available'
                              ORDER BY priority, run_at, id LIMIT 1) AS next)";

pub async fn prepare(url: &str) -> anyhow::Result<()> {
    fixture::SCHEMA
        .up(&bare_testkit::connect(url).await, None)
        .await?;
    Ok(())
}

pub async fn enqueue(url: &str, jobs: u32, like: Jobs) -> anyhow::Result<()> {
    let db = bare_testkit::connect(url).await;
    let ids: Vec<u32> = (0..jobs).collect();
    for batch in ids.chunks(BATCH) {
        let txn = bare_database::begin(&db).await?;
        enqueue_many(&txn, batch.iter().map(|&id| job(like, id))).await?;
        txn.commit().await?;
    }
    Ok(())
}

/// Every client enqueues its share, each job in a transaction.
pub async fn enqueue_single(order: &Order, clients: u32) -> anyhow::Result<()> {
    let db = pool(order, clients).await?;
    let share = order.jobs / clients;
    let clients = (0..clients).map(|_| {
        let db = db.clone();
        tokio::spawn(async move {
            for id in 0..share {
                let txn = bare_database::begin(&db).await?;
                Nothing { id }.enqueue(&txn).await?;
                txn.commit().await?;
            }
            anyhow::Ok(())
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await??;
    }
    Ok(())
}

pub async fn offer(order: &Order, rate: u32, batch: u32) -> anyhow::Result<Vec<f64>> {
    let db = pool(order, 10).await?;
    offer::evenly(order.jobs, rate, batch, |ids| {
        let db = db.clone();
        async move {
            let txn = bare_database::begin(&db).await?;
            if ids.len() == 1 {
                Nothing { id: ids.start }.enqueue(&txn).await?;
            } else {
                enqueue_many(&txn, ids.map(|id| Nothing { id }.job())).await?;
            }
            let at = now();
            txn.commit().await?;
            Ok(at)
        }
    })
    .await
}

/// Runs the worker until no job is left, and ends this process.
pub fn work(order: &Order, variables: &Variables, beside_web: bool) -> ! {
    let fixed = [
        ("DATABASE_URL", &*order.url),
        ("HOST", "127.0.0.1"),
        ("PORT", "0"),
    ];
    let settings: fixture::worker::Settings = settings(&fixed, variables);
    let web: fixture::web::Settings = crate::child::settings(&fixed, variables);
    dockerflow::Process::new("race", "worker", &settings.process.log).run(async {
        let watch = Watch::new(order);
        let db = bare_database::connect(&settings.database, "worker").await?;
        if beside_web {
            let app = bare_http::App::bind(&web.http, &web.process).await?;
            let service = fixture::web::service(&db, &web);
            tokio::spawn(app.run_until(service, pending()));
        }
        let tasks = registry(&watch);
        let worker = Worker::builder(db, fixture::version())
            .tasks(tasks, ())
            .without_pruning()
            .start(&settings.queue, &settings.process, &settings.database)
            .await?;
        worker.run_until(done(order, &watch)).await
    })
}

/// Says what was measured when no job is left.
async fn done(order: &Order, watch: &Watch) {
    if matches!(order.action, Action::WorkForEver) {
        return pending().await;
    }
    watch.all().await;
    let told = until_none(&order.url, LEFT, PAUSE).await;
    if let Err(error) = told.and_then(|()| say(&watch.measured())) {
        eprintln!("error: {error:#}");
    }
}

async fn pool(order: &Order, connections: u32) -> anyhow::Result<DatabaseConnection> {
    let settings = bare_database::Settings {
        database_url: order.url.parse()?,
        database_pool_size: connections,
    };
    Ok(bare_database::connect(&settings, "race").await?)
}
