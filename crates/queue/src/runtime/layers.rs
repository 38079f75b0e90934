//! Layers around attempts: those of apalis, or any other of tower.
//!
//! They run inside an attempt, so a layer that fails or never calls the task costs an attempt, but
//! loses no job.

use std::{collections::HashMap, error::Error, fmt, pin::Pin, sync::Arc};

use apalis::prelude::{BoxDynError, Layer, Service, Task, TaskBuilder, TaskId};
use futures_util::future::Either;
use tokio::sync::Mutex;
use tower::{
    ServiceExt as _,
    util::{BoxService, service_fn},
};
use uuid::Uuid;

use super::TaskError;
use crate::store::ClaimedJob;

/// An attempt, as a layer sees it.
pub struct Attempt {
    /// The job's id.
    pub job: Uuid,
    /// The name of its task.
    pub kind: String,
    /// The queue that it was claimed from.
    pub queue: String,
    /// The id of the request that caused it.
    pub request_id: Option<String>,
    run: Run,
}

type Run = Pin<Box<dyn Future<Output = Result<(), TaskError>> + Send>>;

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("job", &self.job)
            .field("kind", &self.kind)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

/// The service that runs attempts, which layers wrap.
pub type AttemptService = BoxService<Task<Attempt>, (), BoxDynError>;

/// A layer that can be wrapped around attempts: every tower layer whose service runs them.
pub trait AttemptLayer: Send + 'static {
    /// Wraps the layer around the service.
    fn wrap(self, inner: AttemptService) -> AttemptService;
}

impl<L> AttemptLayer for L
where
    L: Layer<AttemptService> + Send + 'static,
    L::Service: Service<Task<Attempt>, Response = ()> + Send + 'static,
    <L::Service as Service<Task<Attempt>>>::Error: Into<BoxDynError>,
    <L::Service as Service<Task<Attempt>>>::Future: Send,
{
    fn wrap(self, inner: AttemptService) -> AttemptService {
        BoxService::new(self.layer(inner).map_err(Into::into))
    }
}

type Wrap = Box<dyn FnOnce(AttemptService) -> AttemptService + Send>;

/// The layers, in the order in which they were added.
#[derive(Default)]
pub(super) struct Layers {
    all: Vec<Wrap>,
    of_queues: HashMap<String, Vec<Wrap>>,
}

impl Layers {
    pub(super) fn add(&mut self, queue: Option<&str>, layer: impl AttemptLayer) {
        let wraps = match queue {
            Some(queue) => self.of_queues.entry(queue.to_owned()).or_default(),
            None => &mut self.all,
        };
        wraps.push(Box::new(move |inner| layer.wrap(inner)));
    }

    /// Builds the service that all attempts pass through.
    pub(super) fn build(self) -> Layered {
        if self.all.is_empty() && self.of_queues.is_empty() {
            return Layered(None);
        }
        let of_queues = self.of_queues.into_iter().map(|(queue, wraps)| {
            let service = wrap(BoxService::new(service_fn(run)), wraps);
            (queue, Arc::new(Mutex::new(service)))
        });
        let of_queues: Arc<HashMap<_, _>> = Arc::new(of_queues.collect());
        let by_queue = service_fn(move |task: Task<Attempt>| {
            let service = of_queues.get(&task.args.queue).cloned();
            async move {
                match service {
                    Some(service) => call(&service, task).await,
                    None => run(task).await,
                }
            }
        });
        let service = wrap(BoxService::new(by_queue), self.all);
        Layered(Some(Arc::new(Mutex::new(service))))
    }
}

/// The first layer is the outermost, as in `tower::ServiceBuilder`.
fn wrap(service: AttemptService, wraps: Vec<Wrap>) -> AttemptService {
    let inside_out = wraps.into_iter().rev();
    inside_out.fold(service, |inner, wrap| wrap(inner))
}

/// Attempts wait for the service one at a time, and then run concurrently.
async fn call(service: &Mutex<AttemptService>, task: Task<Attempt>) -> Result<(), BoxDynError> {
    let response = {
        let mut service = service.lock().await;
        service.ready().await?.call(task)
    };
    response.await
}

async fn run(task: Task<Attempt>) -> Result<(), BoxDynError> {
    task.args.run.await.map_err(|error| Failure(error).into())
}

/// The layers of a running worker.
pub(super) struct Layered(Option<Arc<Mutex<AttemptService>>>);

impl Layered {
    /// Wraps the layers around an attempt.
    pub(super) fn around<F>(
        &self,
        job: &ClaimedJob,
        run: F,
    ) -> impl Future<Output = Result<(), TaskError>> + Send + 'static + use<F>
    where
        F: Future<Output = Result<(), TaskError>> + Send + 'static,
    {
        match &self.0 {
            None => Either::Left(run),
            Some(service) => {
                let (service, attempt) = (Arc::clone(service), attempt_of(job, Box::pin(run)));
                Either::Right(async move { call(&service, attempt).await.map_err(task_error) })
            }
        }
    }
}

/// The attempt as a task of apalis.
fn attempt_of(job: &ClaimedJob, run: Run) -> Task<Attempt> {
    let attempt = Attempt {
        job: job.id,
        kind: job.kind.clone(),
        queue: job.queue.clone(),
        request_id: job.metadata.request_id.clone(),
        run,
    };
    TaskBuilder::new(attempt)
        .task_id(TaskId::String(job.id.to_string()))
        .attempt(usize::try_from(job.attempt).unwrap_or_default())
        .build()
}

/// The task's error, or the error of a layer, which means a retry.
fn task_error(error: BoxDynError) -> TaskError {
    match error.downcast::<Failure>() {
        Ok(failure) => failure.0,
        Err(error) => TaskError::Retry(anyhow::Error::from_boxed(error)),
    }
}

/// A task's error, on its way through the layers.
#[derive(Debug)]
struct Failure(TaskError);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            TaskError::Retry(error)
            | TaskError::RetryAfter(_, error)
            | TaskError::GiveUp(error) => write!(f, "{error:#}"),
            TaskError::Snooze(after) => write!(f, "snoozed for {after:?}"),
        }
    }
}

impl Error for Failure {}
