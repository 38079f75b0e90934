//! The finish loop: reports in batches, kept until the database took them.

use std::sync::Arc;

use db::jobs::{JobStore, Report, Verdict};
use tokio::sync::mpsc;

use super::{
    retry::{Pauses, StatementError, in_time},
    shared::Shared,
};

/// How many reports one statement takes at the most.
const BATCH: usize = 1_000;

/// Runs until all attempts have ended and their reports are taken.
pub(super) async fn run(shared: Arc<Shared>, store: JobStore, mut reports: mpsc::Receiver<Report>) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut pauses = Pauses::default();
    loop {
        let room = BATCH - batch.len();
        if batch.is_empty() {
            tokio::select! {
                biased;
                _ = reports.recv_many(&mut batch, room) => {}
                () = shared.drained.cancelled() => return,
            }
        } else {
            while batch.len() < BATCH
                && let Ok(report) = reports.try_recv()
            {
                batch.push(report);
            }
        }
        match finish(&shared, &store, &batch).await {
            Ok(()) => {
                batch.clear();
                pauses.reset();
            }
            Err(error) => {
                // Of a batch that was halved, some are stored.
                batch.retain(|report| shared.held.holds(report.job_id, report.lease_number));
                tracing::warn!(reports = batch.len(), %error, "outcomes cannot be stored yet");
                if shared.drained.is_cancelled() {
                    return;
                }
                tokio::time::sleep(pauses.next()).await;
            }
        }
    }
}

/// Has the reports taken. One that the database cannot hold must not keep the others waiting for ever:
/// the batch is halved until it stands alone, and then goes without its errors. Where it is refused all the
/// same it stays, and the others are stored.
async fn finish(shared: &Shared, store: &JobStore, batch: &[Report]) -> Result<(), StatementError> {
    match in_time(store.finish(batch)).await {
        Ok(verdicts) => {
            for (report, verdict) in batch.iter().zip(verdicts) {
                let_go(shared, report, verdict);
            }
            Ok(())
        }
        Err(error) if !error.is_about_data() => Err(error),
        Err(_) if batch.len() > 1 => {
            let (first, second) = batch.split_at(batch.len() / 2);
            let first = Box::pin(finish(shared, store, first)).await;
            first.and(Box::pin(finish(shared, store, second)).await)
        }
        Err(error) => {
            for report in batch {
                tracing::error!(job = %report.job_id, %error, "the errors of an attempt cannot be stored");
                let bare = Report {
                    errors: None,
                    ..report.clone()
                };
                for verdict in in_time(store.finish(&[bare])).await? {
                    let_go(shared, report, verdict);
                }
            }
            Ok(())
        }
    }
}

fn let_go(shared: &Shared, report: &Report, verdict: Verdict) {
    if verdict == Verdict::Refused {
        tracing::warn!(
            job = %report.job_id,
            lease_number = report.lease_number,
            "the outcome came too late: the job belongs to another attempt"
        );
    }
    shared.held.remove(report.job_id, report.lease_number);
}
