//! The sample loop: it counts the jobs in the database for the metrics.
//!
//! Every worker counts all queues, so that each of them can answer.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use chrono::Utc;
use tokio::time::Instant;

use super::{
    connection::SharedConnection,
    metrics::{JOBS, OLDEST_JOB_AGE, WORKERS},
    retry::{StatementError, jittered},
    shared::Shared,
};
use crate::{names::is_name, settings::Queue};

/// The label of queues whose name breaks the rule.
const INVALID: &str = "(invalid name)";

const INTERVAL: Duration = Duration::from_secs(30);

/// Counting takes at most a twentieth of the time: millions of jobs take seconds.
const SHARE: u32 = 20;

/// Runs until the worker drains, or not at all if metrics are off.
pub(super) async fn run(shared: Arc<Shared>, connection: SharedConnection) {
    if dockerflow::metrics::is_on() {
        let draining = shared.draining.clone();
        let queues = &shared.config.queues.0;
        draining
            .run_until_cancelled(sample_for_ever(queues, &connection))
            .await;
    }
}

async fn sample_for_ever(queues: &[Queue], connection: &SharedConnection) {
    // A queue that was seen once is later shown as empty, not left out.
    let mut seen: BTreeSet<String> = queues.iter().map(|queue| queue.name.clone()).collect();
    loop {
        let begun = Instant::now();
        if let Err(error) = sample(&mut seen, connection).await {
            tracing::warn!(%error, "the queues cannot be counted");
        }
        tokio::time::sleep(jittered(INTERVAL.max(begun.elapsed() * SHARE))).await;
    }
}

/// The counts of a queue.
#[derive(Default)]
struct Sample {
    scheduled: i64,
    available: i64,
    running: i64,
    dead: i64,
    oldest_age: f64,
    workers: u32,
}

async fn sample(
    seen: &mut BTreeSet<String>,
    connection: &SharedConnection,
) -> Result<(), StatementError> {
    let stats = connection
        .in_time(|store| async move { store.stats().await })
        .await?;
    let workers = connection
        .in_time(|store| async move { store.live_workers().await })
        .await?;
    // By this process's clock: it saves a statement, and a second does not matter here.
    let now = Utc::now();

    let mut samples: BTreeMap<String, Sample> = BTreeMap::new();
    for stats in stats {
        // What was inserted by hand may have any name, and a metric's label may not.
        let queue = if is_name(&stats.queue) {
            stats.queue
        } else {
            INVALID.to_owned()
        };
        let sample = samples.entry(queue).or_default();
        sample.scheduled += stats.scheduled;
        sample.available += stats.available;
        sample.running += stats.running;
        sample.dead += stats.dead;
        let age = stats.oldest.map(|oldest| (now - oldest).as_seconds_f64());
        sample.oldest_age = sample.oldest_age.max(age.unwrap_or_default());
    }
    for worker in workers {
        for queue in worker.queues.split(',') {
            let name = queue.split(':').next().unwrap_or(queue);
            samples.entry(name.to_owned()).or_default().workers += 1;
        }
    }
    seen.extend(samples.keys().cloned());
    for queue in seen.iter() {
        samples.remove(queue).unwrap_or_default().show(queue);
    }
    Ok(())
}

impl Sample {
    #[expect(clippy::cast_precision_loss, reason = "every gauge is a float")]
    fn show(&self, queue: &str) {
        let queue = || queue.to_owned().into();
        for (state, count) in [
            ("scheduled", self.scheduled),
            ("available", self.available),
            ("running", self.running),
            ("dead", self.dead),
        ] {
            JOBS.set(count as f64, [queue(), state.into()]);
        }
        OLDEST_JOB_AGE.set(self.oldest_age, [queue()]);
        WORKERS.set(self.workers.into(), [queue()]);
    }
}
