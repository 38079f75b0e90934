//! The threads that the loops run on.

use std::{io, sync::Arc, thread, time::Instant};

use crate::store::{JobStore, Report};
use bare_database::STARTUP_PATIENCE;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use super::{
    claim,
    connection::SharedConnection,
    finish, heartbeat, limits, listen, metrics, promote, reconcile,
    retry::{Pauses, STATEMENT_TIMEOUT},
    sample,
    shared::{Assigned, Shared},
    tick,
};

/// The heartbeat, the claims of each queue and the reports have a connection each, so that none
/// waits for another and a statement always meets the same session (benchmark `execute`: a tenth).
/// So does the listener. The other loops share this one.
const SHARED_CONNECTIONS: u32 = 1;

/// Loop threads: one reads a claim while the other stores reports (benchmark `execute`).
const THREADS: usize = 2;

/// What the thread of the loops takes along.
pub(super) struct Control {
    pub(super) shared: Arc<Shared>,
    pub(super) db: bare_database::Settings,
    pub(super) reports: mpsc::Receiver<Report>,
    pub(super) assigned: Vec<mpsc::UnboundedSender<Assigned>>,
}

/// The thread of the loops after its start.
pub(super) struct Started {
    /// Resolves when the worker is registered and its loops start, or with the reason why not.
    pub(super) ready: oneshot::Receiver<anyhow::Result<()>>,
    /// Resolves when the last loop has ended and the worker is deregistered.
    pub(super) stopped: oneshot::Receiver<()>,
}

impl Control {
    pub(super) fn start(self) -> io::Result<Started> {
        let (ready_sender, ready) = oneshot::channel();
        let (stopped_sender, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("queue")
            .enable_all()
            .build()?;
        let body = move || {
            runtime.block_on(self.run(ready_sender));
            // This fails if the process is already exiting.
            let _ = stopped_sender.send(());
        };
        thread::Builder::new()
            .name("queue".to_owned())
            .spawn(body)?;
        Ok(Started { ready, stopped })
    }

    async fn run(self, ready: oneshot::Sender<anyhow::Result<()>>) {
        let store = match self.connect().await {
            Ok(store) => store,
            Err(error) => {
                let _ = ready.send(Err(error));
                return;
            }
        };
        let _ = ready.send(Ok(()));

        let shared = self.shared;
        metrics::start(&shared.config, &shared.work.tasks);
        let connection = SharedConnection::new(store.clone());
        let mut loops = JoinSet::new();
        for (queue, assigned) in shared.config.queues.0.iter().zip(self.assigned) {
            loops.spawn(claim::run(
                queue.clone(),
                Arc::clone(&shared),
                store.clone(),
                assigned,
            ));
        }
        loops.spawn(finish::run(
            Arc::clone(&shared),
            store.clone(),
            self.reports,
        ));
        loops.spawn(heartbeat::run(Arc::clone(&shared), store.clone()));
        loops.spawn(reconcile::run(Arc::clone(&shared), connection.clone()));
        loops.spawn(limits::run(Arc::clone(&shared), connection.clone()));
        loops.spawn(promote::run(Arc::clone(&shared), connection.clone()));
        loops.spawn(sample::run(Arc::clone(&shared), connection.clone()));
        loops.spawn(tick::run(Arc::clone(&shared), connection.clone()));
        if let Some(url) = shared.config.listen_url.clone() {
            loops.spawn(listen::run(Arc::clone(&shared), url));
        }
        while let Some(ended) = loops.join_next().await {
            if let Err(error) = ended {
                // This is a bug. A worker without all its loops might hold jobs and not run them,
                // so it stops, for its supervisor to start another.
                tracing::error!(%error, "a loop of the queue failed");
                shared.draining.cancel();
            }
        }
        if let Err(error) = heartbeat::deregister(&shared, &store).await {
            tracing::warn!(%error, "the worker cannot be deregistered: its lease will expire");
        }
    }

    async fn connect(&self) -> anyhow::Result<JobStore> {
        let mut settings = self.db.clone();
        settings.database_pool_size = SHARED_CONNECTIONS;
        let db = bare_database::connect_loops(&settings, "worker-queue", STATEMENT_TIMEOUT).await?;
        let mut store = JobStore::new(db);
        if self.shared.config.retention.is_zero() {
            store = store.without_completed();
        }
        let start = Instant::now();
        let mut pauses = Pauses::default();
        loop {
            let worker = self.shared.lease.worker();
            match heartbeat::register(&self.shared, &store, worker).await {
                Ok(()) => return Ok(store),
                // As with connecting: a server may be starting, read-only or out of connections.
                Err(error) if error.is_passing() && start.elapsed() < STARTUP_PATIENCE => {
                    tracing::warn!(%error, "waiting for the database: the worker cannot be registered");
                    tokio::time::sleep(pauses.next()).await;
                }
                Err(error) => {
                    return Err(
                        anyhow::Error::new(error).context("the worker cannot be registered")
                    );
                }
            }
        }
    }
}
