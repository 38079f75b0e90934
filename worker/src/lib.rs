//! The worker: the code of the [`tasks`], their [`schedules`], and what they use ([`Resources`]).

mod cli;
mod resources;
pub mod schedules;
mod settings;
pub mod tasks;

use bare_queue::Worker;
use sea_orm::DatabaseConnection;

pub use self::{
    cli::{Cli, Command, Commands},
    resources::Resources,
    settings::Settings,
};

/// What a task of this service knows about its job.
pub type JobContext = bare_queue::JobContext<Resources>;

/// A list of tasks that use this service's resources.
pub type Registry = bare_queue::Registry<Resources>;

/// The metrics of a worker.
pub static METRICS: [&[&dockerflow::metrics::Metric]; 2] =
    [&bare_database::metrics::METRICS, &bare_queue::METRICS];

/// Connects to the database and starts the worker.
pub async fn start(settings: &Settings) -> anyhow::Result<Worker> {
    let db = db::connect(&settings.database, "worker").await?;
    start_with(settings, db).await
}

/// The same as [`start`], with an existing connection for the tasks.
pub async fn start_with(settings: &Settings, db: DatabaseConnection) -> anyhow::Result<Worker> {
    let resources = Resources::build(settings, db.clone())?;
    Worker::builder(db.clone(), version())
        .tasks(tasks::registry(), resources)
        .schedules(schedules::all()?)
        .checks(migration::SCHEMA.checks(&db))
        .start(&settings.queue, &settings.process, &settings.database)
        .await
}

/// The version that is running: see [`dockerflow::version`].
pub fn version() -> dockerflow::version::Version {
    dockerflow::version::Version::load(env!("CARGO_PKG_VERSION"))
}
