//! Starting, running and stopping the queue's runtime.

use std::{
    future::Future,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use anyhow::Context;
use apalis::prelude::{WorkerBuilder, WorkerError};
use tokio::{
    sync::{Mutex, RwLock, mpsc, oneshot, watch},
    task::{JoinError, JoinSet},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    attempt,
    backend::QueueBackend,
    claiming::Claiming,
    config::{Config, Work},
    control::{Control, Started},
    health::Health,
    lease::Lease,
    limited_queues::LimitedQueues,
    local_jobs::LocalJobs,
    shared::{Assigned, Shared, Wakeups},
    unconfirmed::UnconfirmedClaims,
};

/// How many outcomes may wait to be stored: their jobs run again if the process dies. Beyond that,
/// attempts keep their slots, so that no more jobs are claimed.
const UNSTORED: usize = 4_000;

/// How long the exit waits for the database.
const EXIT_PATIENCE: Duration = Duration::from_millis(800);

/// A worker that claims and runs jobs.
pub(super) struct Runtime {
    shared: Arc<Shared>,
    assigned: Vec<mpsc::UnboundedReceiver<Assigned>>,
    stopped: oneshot::Receiver<()>,
}

impl Runtime {
    /// Connects, registers the worker and starts to claim.
    pub(super) async fn start(
        config: Config,
        db: &bare_database::Settings,
        work: Work,
    ) -> anyhow::Result<Self> {
        let (senders, receivers) = config
            .queues
            .0
            .iter()
            .map(|_| mpsc::unbounded_channel())
            .unzip();
        let (report_sender, reports) = mpsc::channel(UNSTORED);
        let shared = Arc::new(Shared {
            is_listening: AtomicBool::new(false),
            wakeups: Wakeups::new(config.queues.0.iter().map(|queue| queue.name.as_str())),
            lease: Lease::new(Uuid::now_v7(), config.lease),
            local_jobs: LocalJobs::default(),
            claiming: RwLock::default(),
            claiming_since: Claiming::default(),
            renewals: watch::Sender::new(false),
            unconfirmed: UnconfirmedClaims::default(),
            limited_queues: LimitedQueues::default(),
            solo: Arc::default(),
            solo_turn: Mutex::default(),
            reports: report_sender,
            draining: CancellationToken::new(),
            drained: CancellationToken::new(),
            config,
            work,
        });
        let control = Control {
            shared: Arc::clone(&shared),
            db: db.clone(),
            reports,
            assigned: senders,
        };
        let Started { ready, stopped } =
            control.start().context("the queue's thread cannot start")?;
        ready.await.context("the queue's thread ended")??;
        Ok(Self {
            shared,
            assigned: receivers,
            stopped,
        })
    }

    /// The health of this worker.
    pub(super) fn health(&self) -> Health {
        Health(Arc::clone(&self.shared))
    }

    /// Runs jobs until `shutdown`, then stops claiming and lets running jobs end within the grace
    /// period. A job that does not end by then is stopped and released, at no cost.
    pub(super) async fn run_until(self, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
        let Self {
            shared,
            assigned,
            stopped,
        } = self;
        let mut running = JoinSet::new();
        for (queue, assigned) in shared.config.queues.0.iter().zip(assigned) {
            let attempts = Arc::clone(&shared);
            let worker = WorkerBuilder::new(queue.name.as_str())
                .backend(QueueBackend::new(assigned))
                // Boxed, because apalis moves it around.
                .build(move |assigned: Assigned| {
                    Box::pin(attempt::run(assigned, Arc::clone(&attempts)))
                });
            running.spawn(worker.run());
        }
        let is_asked = tokio::select! {
            () = shutdown => true,
            // One ends before the drain only if it failed. Then nothing runs the jobs of its queue.
            Some(end) = running.join_next() => {
                say(end);
                false
            }
        };
        tracing::info!("shutting down: no new jobs");
        shared.draining.cancel();
        if timeout(shared.config.grace, ended(&mut running))
            .await
            .is_err()
        {
            stop(&shared, &mut running).await;
        }
        shared.drained.cancel();
        if timeout(EXIT_PATIENCE, stopped).await.is_err() {
            tracing::error!("not all outcomes could be stored: those jobs will run again");
        }
        anyhow::ensure!(is_asked, "a queue ended unexpectedly");
        Ok(())
    }
}

/// Stops the attempts that still run. Those whose outcomes only wait to be stored have ended.
async fn stop(shared: &Shared, running: &mut JoinSet<Result<(), WorkerError>>) {
    let count = shared.local_jobs.abort_all();
    if count == 0 {
        return;
    }
    tracing::warn!(count, "grace period expired: jobs are stopped");
    if timeout(EXIT_PATIENCE / 2, ended(running)).await.is_err() {
        tracing::error!("a job blocks its thread and cannot be stopped");
    }
}

async fn ended(running: &mut JoinSet<Result<(), WorkerError>>) {
    while let Some(end) = running.join_next().await {
        say(end);
    }
}

/// Logs how the worker of a queue ended, if it failed.
fn say(end: Result<Result<(), WorkerError>, JoinError>) {
    match end {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "a queue ended unexpectedly"),
        Err(error) => tracing::error!(%error, "a queue failed"),
    }
}
