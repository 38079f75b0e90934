//! The worker: how it is built, started and stopped.

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use dockerflow::{ProcessSettings, checks::Checks, poem::OperatorsPort, version::Version};
use sea_orm::DatabaseConnection;

use super::{
    AttemptLayer, Registry, Schedules,
    config::{Config, Work},
    endpoints,
    layers::Layers,
    prune,
    prune::Retention,
    registry::Tasks,
    run::Runtime,
};
use crate::{Settings, store::JobStore};

/// Builds a worker.
pub struct WorkerBuilder {
    db: DatabaseConnection,
    version: Version,
    tasks: Tasks,
    schedules: Schedules,
    checks: Checks,
    layers: Layers,
    prunes: bool,
}

impl WorkerBuilder {
    /// Adds tasks, and the resources that their attempts may use.
    pub fn tasks<R: Send + Sync + 'static>(self, tasks: Registry<R>, resources: R) -> Self {
        Self {
            tasks: self.tasks.and(tasks.bind(&Arc::new(resources))),
            ..self
        }
    }

    /// Sets its schedules, besides the one that prunes finished jobs.
    pub fn schedules(self, schedules: Schedules) -> Self {
        Self { schedules, ..self }
    }

    /// Wraps a layer around all attempts, inside those that were added before. It may be one of
    /// [`apalis::layers`] or any other of tower. An attempt that waits for a layer keeps its slot
    /// and may time out. An attempt that a layer refuses is retried.
    pub fn layer(mut self, layer: impl AttemptLayer) -> Self {
        self.layers.add(None, layer);
        self
    }

    /// The same for the attempts of one queue, inside the layers of all attempts.
    pub fn queue_layer(mut self, queue: &str, layer: impl AttemptLayer) -> Self {
        self.layers.add(Some(queue), layer);
        self
    }

    /// Sets further checks of its `/__heartbeat__`, besides whether it claims jobs.
    pub fn checks(self, checks: Checks) -> Self {
        Self { checks, ..self }
    }

    /// Removes the schedule that prunes finished jobs.
    #[cfg(feature = "testing")]
    pub fn without_pruning(self) -> Self {
        Self {
            prunes: false,
            ..self
        }
    }

    /// Binds its port, registers the worker in the database and starts to claim jobs.
    ///
    /// # Errors
    /// The port is taken, the database refuses, or two schedules have the same name.
    pub async fn start(
        self,
        settings: &Settings,
        process: &ProcessSettings,
        database: &bare_database::Settings,
    ) -> anyhow::Result<Worker> {
        let endpoints = endpoints::bind(process.host, settings.worker_port).await?;
        let retention = Retention {
            store: JobStore::new(self.db),
            finished: Duration::from_hours(settings.job_retention_hours),
            dead: Duration::from_hours(24 * settings.job_dead_retention_days),
        };
        let config = Config {
            queues: settings.worker_queues.clone(),
            lease: settings.lease(),
            grace: process.grace(),
            retention: retention.finished,
            listen_url: settings.listen_url(&database.database_url),
            hostname: dockerflow::hostname(),
            version: self.version.version.clone(),
        };
        let schedules = match settings.worker_queues.0.first() {
            Some(queue) if self.prunes => prune::schedule(self.schedules, queue.name.clone())?,
            _ => self.schedules,
        };
        let store = retention.store.clone();
        let queues: Vec<_> = self.tasks.queues().collect();
        let work = Work {
            tasks: self.tasks.and(prune::task(retention)),
            schedules,
            layers: self.layers.build(),
        };
        let runtime = Runtime::start(config, database, work).await?;
        warn_of_unserved(&store, &queues).await;
        Ok(Worker {
            runtime,
            endpoints,
            version: self.version,
            checks: self.checks,
            log: process.log.clone(),
        })
    }
}

/// Warns of tasks whose jobs would wait for ever, because no live worker serves their queue.
async fn warn_of_unserved(store: &JobStore, tasks: &[(&str, &str)]) {
    // It is only a hint, so it does not fail the start.
    let Ok(served) = store.attended().await else {
        return;
    };
    for (kind, queue) in tasks.iter().filter(|(_, queue)| !served.contains(*queue)) {
        tracing::warn!(
            kind,
            queue,
            "no worker serves the queue of this task: see WORKER_QUEUES"
        );
    }
}

/// A worker process: it claims jobs and runs them.
pub struct Worker {
    runtime: Runtime,
    endpoints: Option<OperatorsPort>,
    version: Version,
    checks: Checks,
    log: dockerflow::log::Settings,
}

impl Worker {
    /// A worker of this release. `db` is the pool for its tasks. Claims and heartbeats use separate
    /// connections.
    pub fn builder(db: DatabaseConnection, version: Version) -> WorkerBuilder {
        WorkerBuilder {
            db,
            version,
            tasks: Tasks::default(),
            schedules: Schedules::new(),
            checks: Checks::new(),
            layers: Layers::default(),
            prunes: true,
        }
    }

    /// The address of its endpoints, if `WORKER_PORT` is set.
    pub fn address(&self) -> Option<SocketAddr> {
        self.endpoints.as_ref().map(|port| port.address)
    }

    /// Runs jobs until `shutdown`, then stops claiming and lets running jobs end within the grace
    /// period. A job that does not end by then is stopped and released, at no cost.
    ///
    /// # Errors
    /// The worker ended before it was asked to.
    pub async fn run_until(self, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
        let health = self.runtime.health();
        let checks = self.checks.register("worker", move || {
            let findings = health.findings();
            async move { findings }
        });
        checks.watch();
        let Some(endpoints) = self.endpoints else {
            return self.runtime.run_until(shutdown).await;
        };
        let app = endpoints::app(self.version, checks, &self.log);
        // The endpoints answer while the worker drains, because it is alive.
        tokio::select! {
            result = self.runtime.run_until(shutdown) => result,
            () = endpoints.serve(app) => anyhow::bail!("the worker's endpoints ended unexpectedly"),
        }
    }
}
