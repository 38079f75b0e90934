//! Our worker, as its binary runs it, with a task that does nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};

use db::jobs::{Task, enqueue_many};
use sea_orm::TransactionTrait as _;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use worker::{
    Worker,
    queue::{JobContext, Registry, Schedules},
};

use super::{BATCH, Run, say, until_none};

/// A job that does nothing.
#[derive(Debug, Serialize, Deserialize)]
pub struct Nothing {
    pub id: u32,
}

impl Task for Nothing {
    const KIND: &'static str = "nothing";
}

pub async fn prepare(url: &str) -> anyhow::Result<()> {
    migration::up(&e2e::connect(url).await, None).await?;
    Ok(())
}

pub async fn enqueue(url: &str, jobs: u32) -> anyhow::Result<()> {
    let db = e2e::connect(url).await;
    let ids: Vec<u32> = (0..jobs).collect();
    for batch in ids.chunks(BATCH) {
        let txn = db.begin().await?;
        enqueue_many(&txn, batch.iter().map(|&id| Nothing { id }.job())).await?;
        txn.commit().await?;
    }
    Ok(())
}

/// Every client enqueues its share, each job in a transaction.
pub async fn enqueue_single(run: &Run, clients: u32) -> anyhow::Result<()> {
    let settings = db::Settings {
        database_url: run.url.parse()?,
        database_pool_size: clients,
    };
    let db = db::connect(&settings, "race").await?;
    let share = run.jobs / clients;
    let clients = (0..clients).map(|_| {
        let db = db.clone();
        tokio::spawn(async move {
            for id in 0..share {
                let txn = db.begin().await?;
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

/// Runs the worker until no job is left, and ends this process.
pub fn execute(run: &Run, variables: &[(String, String)]) -> ! {
    let (url, jobs) = (run.url.clone(), run.jobs);
    let mut all = vec![("DATABASE_URL", url.as_str())];
    all.extend(
        variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
    );
    let settings: worker::Settings = e2e::settings("worker", &all);
    dockerflow::Process::new("worker", &settings.log).run(async {
        let begun = Instant::now();
        let (count, last) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
        let tasks = tasks(jobs, count, Arc::clone(&last));
        let db = db::connect(&settings.database, "worker").await?;
        let worker = Worker::with_tasks(&settings, db, tasks, Schedules::new()).await?;
        let is_done = async {
            last.notified().await;
            let left = "SELECT EXISTS (SELECT FROM job)";
            let told = until_none(&url, left)
                .await
                .and_then(|()| say(begun.elapsed()));
            if let Err(error) = told {
                eprintln!("error: {error:#}");
            }
        };
        worker.run_until(is_done).await
    })
}

fn tasks(jobs: u32, count: Arc<AtomicU32>, last: Arc<Notify>) -> Registry {
    Registry::new().task(move |_: Nothing, _: &JobContext| {
        if count.fetch_add(1, Ordering::Relaxed) + 1 == jobs {
            last.notify_one();
        }
        async { Ok(()) }
    })
}
