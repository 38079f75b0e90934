//! Single claims, each of them timed.

use std::time::{Duration, Instant};

use bare_queue::testing::{ClaimCursor, JobStore, Outcome, Report};
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

use super::Order;

/// How many jobs a claim asks for.
const WANTED: u64 = 1_000;

/// How often one is claimed beside a worker.
pub const BESIDE: Duration = Duration::from_millis(20);

/// Claims from a queue where there is nothing to claim, again and again. Answers with milliseconds.
pub async fn in_vain(order: &Order) -> anyhow::Result<Vec<f64>> {
    let (store, worker) = register(order).await?;
    let mut times = Vec::new();
    // The first prepares the statement.
    store.claim(worker, "default", WANTED).await?;
    for _ in 0..order.jobs {
        let begun = Instant::now();
        let claimed = store.claim(worker, "default", WANTED).await?;
        times.push(milliseconds(begun));
        anyhow::ensure!(claimed.is_empty(), "there was something to claim");
    }
    store.deregister_worker(worker).await?;
    Ok(times)
}

/// Claims beside a worker as a worker does, at an even rate, and finishes what it gets. Answers with
/// milliseconds.
pub async fn beside(order: &Order) -> anyhow::Result<Vec<f64>> {
    let (store, worker) = register(order).await?;
    let mut cursor = ClaimCursor::new(store.clone(), "default");
    let mut times = Vec::new();
    let mut ticks = interval(BESIDE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for _ in 0..order.jobs {
        // From when it is due: one that is late because the last one took long was kept waiting.
        let due = ticks.tick().await;
        let claimed = cursor.claim(worker, WANTED).await?;
        times.push(milliseconds(due.into_std()));
        let reports = claimed.iter().map(|job| Report {
            job_id: job.id,
            lease_number: job.lease_number,
            outcome: Outcome::Completed,
            errors: None,
        });
        let reports: Vec<Report> = reports.collect();
        if !reports.is_empty() {
            store.finish(&reports).await?;
        }
    }
    store.deregister_worker(worker).await?;
    Ok(times)
}

/// A worker that need not renew its lease.
async fn register(order: &Order) -> anyhow::Result<(JobStore, Uuid)> {
    let store = JobStore::new(bare_testkit::connect(&order.url).await);
    let worker = Uuid::now_v7();
    let lease = Duration::from_hours(1);
    store
        .register_worker(worker, "race", "default:1", lease)
        .await?;
    Ok((store, worker))
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}
