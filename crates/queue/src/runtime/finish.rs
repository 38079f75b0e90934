//! The finish loop: it stores reports in batches, and keeps them until the database has taken them.

use std::{sync::Arc, time::Duration};

use crate::store::{JobStore, Report, Verdict};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::{
    retry::{Pauses, StatementError, in_time},
    shared::Shared,
};

/// The most reports in one statement.
const BATCH: usize = 1_000;

/// How long refused reports wait until they are tried again.
const REFUSED_PAUSE: Duration = Duration::from_secs(2);

/// Runs until all attempts have ended and their reports are taken.
pub(super) async fn run(
    shared: Arc<Shared>,
    shared_store: JobStore,
    mut reports: mpsc::Receiver<Report>,
) {
    let mut store = shared_store.with_own_connection();
    let mut batch = Vec::with_capacity(BATCH);
    // Refused reports, put aside so that they do not hold up the others, as long as they are few.
    let mut refused = Vec::new();
    let mut refused_until = Instant::now();
    let mut pauses = Pauses::default();
    loop {
        let room = BATCH.saturating_sub(batch.len());
        if batch.is_empty() {
            tokio::select! {
                biased;
                () = sleep_until(refused_until), if !refused.is_empty() => batch.append(&mut refused),
                _ = reports.recv_many(&mut batch, room), if refused.len() < BATCH => {}
                () = shared.drained.cancelled() => return,
            }
        } else {
            while batch.len() < BATCH
                && let Ok(report) = reports.try_recv()
            {
                batch.push(report);
            }
        }
        if refused.is_empty() {
            refused_until = Instant::now() + REFUSED_PAUSE;
        }
        match finish(&shared, &store, &batch, &mut refused).await {
            Ok(()) => {
                batch.clear();
                pauses.reset();
            }
            Err(error) => {
                // If the batch was halved, some reports are already stored or put aside.
                batch.retain(|report| {
                    shared.local_jobs.holds(report.job_id, report.lease_number)
                        && !refused.contains(report)
                });
                tracing::warn!(reports = batch.len(), %error, "outcomes cannot be stored yet");
                if shared.drained.is_cancelled() {
                    return;
                }
                if error.is_silence() {
                    // The pool may wait for this connection, see `with_own_connection`.
                    store = shared_store.with_own_connection();
                }
                tokio::time::sleep(pauses.next()).await;
            }
        }
    }
}

/// Stores the reports. A report that the database cannot store must not hold up the others: the
/// batch is halved until that report is alone, and it is sent again without its errors. If it is
/// still refused, it is added to `refused`.
async fn finish(
    shared: &Shared,
    store: &JobStore,
    batch: &[Report],
    refused: &mut Vec<Report>,
) -> Result<(), StatementError> {
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
            Box::pin(finish(shared, store, first, refused)).await?;
            Box::pin(finish(shared, store, second, refused)).await
        }
        Err(error) => {
            for report in batch {
                tracing::error!(job = %report.job_id, %error, "the errors of an attempt cannot be stored");
                let bare = Report {
                    errors: None,
                    ..report.clone()
                };
                match in_time(store.finish(&[bare])).await {
                    Ok(verdicts) => verdicts
                        .into_iter()
                        .for_each(|verdict| let_go(shared, report, verdict)),
                    Err(error) if error.is_about_data() => {
                        tracing::error!(job = %report.job_id, %error, "an outcome cannot be stored");
                        refused.push(report.clone());
                    }
                    Err(error) => return Err(error),
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
    shared.local_jobs.remove(report.job_id, report.lease_number);
}
