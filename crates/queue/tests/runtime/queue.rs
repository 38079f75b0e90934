//! A queue under test: its own database, tasks whose code is in the test, and ways to wait.

use std::time::Duration;

use bare_queue::{
    JobContext, NewJob, Registry, Schedules, Task, TaskError, Worker, WorkerBuilder,
    entities::{finished_job, job, worker},
    testing::{self, AttemptError, RunningWorker, SCHEMA},
};
use bare_testkit::{Backend, TestDatabase};
use conf::Conf;
use dockerflow::version::Version;
use sea_orm::{DatabaseConnection, EntityTrait, prelude::Json};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Far longer than anything here takes, so that a wait in vain fails a test instead of hanging it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A task whose code is in the test.
#[derive(Debug, Serialize, Deserialize)]
pub struct Work(pub u32);

impl Task for Work {
    const KIND: &'static str = "work";
}

/// The code of [`Work`].
pub fn tasks<F, Fut>(code: F) -> Registry
where
    F: Fn(Work, JobContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), TaskError>> + Send + 'static,
{
    Registry::new().task(move |work: Work, job: &JobContext| code(work, job.clone()))
}

/// The settings of a worker.
#[derive(Conf, Debug)]
struct Settings {
    #[conf(flatten)]
    queue: bare_queue::Settings,
    #[conf(flatten)]
    database: bare_database::Settings,
    #[conf(flatten)]
    process: dockerflow::ProcessSettings,
}

pub struct Queue {
    pub database: TestDatabase,
}

impl Queue {
    /// `None` if there is no PostgreSQL for this test.
    pub async fn on(backend: Backend) -> Option<Self> {
        let database = TestDatabase::with_schema(backend, SCHEMA).await?;
        Some(Self { database })
    }

    pub fn db(&self) -> &DatabaseConnection {
        &self.database.db
    }

    pub async fn enqueue(&self, job: NewJob) -> Uuid {
        job.enqueue(self.db()).await.unwrap().id
    }

    /// Starts a worker that runs until it is stopped.
    pub async fn start(&self, tasks: Registry, variables: &[(&str, &str)]) -> RunningWorker {
        self.start_scheduled(tasks, Schedules::new(), variables)
            .await
    }

    /// The same, with schedules.
    pub async fn start_scheduled(
        &self,
        tasks: Registry,
        schedules: Schedules,
        variables: &[(&str, &str)],
    ) -> RunningWorker {
        self.start_with(tasks, variables, |worker| worker.schedules(schedules))
            .await
    }

    /// The same, with further steps of the builder.
    pub async fn start_with(
        &self,
        tasks: Registry,
        variables: &[(&str, &str)],
        build: impl FnOnce(WorkerBuilder) -> WorkerBuilder,
    ) -> RunningWorker {
        let worker = self.worker().tasks(tasks, ()).without_pruning();
        self.start_built(build(worker), variables).await
    }

    /// A builder, as a service has it.
    pub fn worker(&self) -> WorkerBuilder {
        let version = Version::load(env!("CARGO_PKG_VERSION"));
        Worker::builder(self.db().clone(), version)
    }

    pub async fn start_built(
        &self,
        worker: WorkerBuilder,
        variables: &[(&str, &str)],
    ) -> RunningWorker {
        let mut all = vec![("DATABASE_URL", self.database.url())];
        all.extend(variables);
        let settings: Settings = bare_testkit::settings("worker", &all);
        let worker = worker
            .start(&settings.queue, &settings.process, &settings.database)
            .await;
        RunningWorker::spawn(worker.unwrap())
    }

    /// Runs the jobs that are due, with a worker that then stops.
    pub async fn run(&self, tasks: Registry) {
        let worker = self.start(tasks, &[]).await;
        worker.run_pending_jobs(self.db()).await;
        worker.stop().await;
    }

    /// Makes all scheduled jobs available.
    pub async fn pass_all_waits(&self) {
        testing::pass(self.db(), Duration::from_hours(24)).await;
    }

    /// An unfinished job.
    pub async fn job(&self, id: Uuid) -> job::Model {
        let job = job::Entity::find_by_id(id).one(self.db()).await.unwrap();
        job.expect("the job is not finished")
    }

    /// Waits until a job is finished.
    pub async fn finished(&self, id: Uuid) -> finished_job::Model {
        until(async || {
            let job = finished_job::Entity::find_by_id(id).one(self.db()).await;
            job.unwrap()
        })
        .await
    }

    /// The registered workers.
    pub async fn workers(&self) -> Vec<worker::Model> {
        worker::Entity::find().all(self.db()).await.unwrap()
    }
}

/// The errors of a job's attempts, from its `errors`.
pub fn errors(errors: Option<&Json>) -> Vec<AttemptError> {
    let errors = errors.map(|errors| serde_json::from_value(errors.clone()).unwrap());
    errors.unwrap_or_default()
}

/// Polls until `look` finds something, where nothing signals it.
pub async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    in_time(async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

pub async fn in_time<F: Future>(future: F) -> F::Output {
    let timely = tokio::time::timeout(PATIENCE, future).await;
    timely.expect("this takes too long")
}
