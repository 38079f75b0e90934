//! The worker: the tasks' code ([`tasks`]), and the queue's runtime that runs it ([`queue`]).

mod cli;
mod endpoints;
pub mod mail;
pub mod queue;
mod resources;
pub mod schedules;
mod settings;
pub mod tasks;

use std::{future::Future, net::SocketAddr, sync::Arc};

pub use cli::{Cli, Command, Jobs};
use dockerflow::poem::OperatorsPort;
pub use resources::{Resources, Retention};
use sea_orm::DatabaseConnection;
pub use settings::{ListenUrl, QueueSettings, Queues, Settings};

/// The lists of what a worker measures.
pub static METRICS: [&[&dockerflow::metrics::Metric]; 2] = [&db::metrics::METRICS, &queue::METRICS];

/// A worker process: it claims jobs and runs them.
pub struct Worker {
    runtime: queue::Runtime,
    endpoints: Option<OperatorsPort>,
    db: DatabaseConnection,
    settings: Settings,
}

impl Worker {
    /// Connects to the database and starts to claim jobs.
    pub async fn build(settings: &Settings) -> anyhow::Result<Self> {
        let db = db::connect(&settings.database, "worker").await?;
        Self::with_database(settings, db).await
    }

    /// The same, with a connection for the tasks that is there already.
    pub async fn with_database(
        settings: &Settings,
        db: DatabaseConnection,
    ) -> anyhow::Result<Self> {
        Self::with_tasks(settings, db, tasks::registry(), schedules::all()?).await
    }

    /// The same, with other tasks and schedules than the service's own.
    pub async fn with_tasks(
        settings: &Settings,
        db: DatabaseConnection,
        tasks: queue::Registry,
        schedules: queue::Schedules,
    ) -> anyhow::Result<Self> {
        let endpoints = endpoints::bind(settings).await?;
        let resources = Arc::new(Resources::build(settings, db.clone())?);
        let config = settings.queue_config();
        let work = queue::Work {
            tasks,
            schedules,
            resources,
        };
        let runtime = queue::Runtime::start(config, &settings.database, work).await?;
        Ok(Self {
            runtime,
            endpoints,
            db,
            settings: settings.clone(),
        })
    }

    /// Where its own endpoints are, if `WORKER_PORT` is set.
    pub fn address(&self) -> Option<SocketAddr> {
        self.endpoints.as_ref().map(|port| port.address)
    }

    /// Runs jobs until `shutdown`, and then stops within the grace of the settings.
    pub async fn run_until(self, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
        let checks = endpoints::checks(&self.db, self.runtime.health());
        checks.watch();
        let Some(endpoints) = self.endpoints else {
            return self.runtime.run_until(shutdown).await;
        };
        let app = endpoints::app(&self.settings, checks);
        // They answer while the worker drains: it is alive.
        tokio::select! {
            result = self.runtime.run_until(shutdown) => result,
            () = endpoints.serve(app) => anyhow::bail!("the worker's endpoints ended by themselves"),
        }
    }
}

/// What is running, see [`dockerflow::version`].
pub fn version() -> dockerflow::version::Version {
    dockerflow::version::Version::load(env!("CARGO_PKG_VERSION"))
}
