//! The code of each task.

use std::{
    collections::HashMap, future::Future, marker::PhantomData, pin::Pin, sync::Arc, time::Duration,
};

use super::{JobContext, TaskError};
use crate::{NewJob, Task};

/// The tasks that a worker knows, by their kind. Their attempts may use resources of type `R`.
pub struct Registry<R = ()>(HashMap<&'static str, Box<dyn Runnable<R>>>);

impl<R> Default for Registry<R> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<R: Send + Sync + 'static> Registry<R> {
    /// A registry without tasks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the code of task `T`: an `async fn(T, &JobContext<R>) -> Result<(), TaskError>`.
    pub fn task<T, H>(mut self, handler: H) -> Self
    where
        T: Task,
        H: for<'a> Handler<'a, T, R>,
    {
        let code = Code::<T, H> {
            handler: Arc::new(handler),
            payload: PhantomData,
        };
        self.0.insert(T::KIND, Box::new(code));
        self
    }

    /// Binds the tasks to their resources.
    pub(crate) fn bind(self, resources: &Arc<R>) -> Tasks {
        let bound = self.0.into_iter().map(|(kind, task)| {
            let resources = Arc::clone(resources);
            let bound: Box<dyn Runnable> = Box::new(Bound { task, resources });
            (kind, bound)
        });
        Tasks(bound.collect())
    }

    /// A job of the task with this name. The payload must decode.
    pub(crate) fn job(&self, kind: &str, payload: &str) -> anyhow::Result<NewJob> {
        let Some(task) = self.0.get(kind) else {
            let mut known: Vec<&str> = self.0.keys().copied().collect();
            known.sort_unstable();
            let known = known.join(", ");
            anyhow::bail!("there is no such task; this worker knows {known}");
        };
        task.job(payload)
            .map_err(|error| anyhow::Error::new(error).context("the payload is not this task's"))
    }
}

/// The tasks that a worker knows, with their resources.
#[derive(Default)]
pub(crate) struct Tasks(HashMap<&'static str, Box<dyn Runnable>>);

impl Tasks {
    /// Adds other tasks.
    pub(super) fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// The names of the tasks.
    pub(super) fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }

    /// The tasks, each with the queue that its jobs wait in.
    pub(super) fn queues(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.0.iter().map(|(kind, task)| (*kind, task.queue()))
    }

    /// The `'static` name of a task, if this worker knows it.
    pub(super) fn kind(&self, kind: &str) -> Option<&'static str> {
        self.0.get_key_value(kind).map(|(kind, _)| *kind)
    }

    pub(super) fn get(&self, kind: &str) -> Option<&dyn Runnable> {
        self.0.get(kind).map(Box::as_ref)
    }
}

/// A task's code. Every `async fn(T, &JobContext<R>) -> Result<(), TaskError>` implements it.
pub trait Handler<'a, T, R>: Send + Sync + 'static {
    /// What it returns.
    type Future: Future<Output = Result<(), TaskError>> + Send + 'a;

    /// Runs one attempt.
    fn call(&self, task: T, job: &'a JobContext<R>) -> Self::Future;
}

impl<'a, T, R, F, Fut> Handler<'a, T, R> for F
where
    R: 'a,
    F: Fn(T, &'a JobContext<R>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), TaskError>> + Send + 'a,
{
    type Future = Fut;

    fn call(&self, task: T, job: &'a JobContext<R>) -> Fut {
        self(task, job)
    }
}

pub(super) type Attempt = Pin<Box<dyn Future<Output = Result<(), TaskError>> + Send>>;

/// A task whose payload type is erased.
pub(super) trait Runnable<R = ()>: Send + Sync {
    /// An attempt that has not begun, or why the payload does not decode.
    fn attempt(&self, payload: &str, job: JobContext<R>) -> Result<Attempt, serde_json::Error>;
    fn queue(&self) -> &'static str;
    fn timeout(&self) -> Duration;
    fn backoff(&self, attempt: i32) -> Duration;
    fn job(&self, payload: &str) -> Result<NewJob, serde_json::Error>;
}

struct Code<T, H> {
    handler: Arc<H>,
    payload: PhantomData<fn(T)>,
}

impl<T, H, R> Runnable<R> for Code<T, H>
where
    T: Task,
    R: Send + Sync + 'static,
    H: for<'a> Handler<'a, T, R>,
{
    fn attempt(&self, payload: &str, job: JobContext<R>) -> Result<Attempt, serde_json::Error> {
        let task: T = serde_json::from_str(payload)?;
        let handler = Arc::clone(&self.handler);
        Ok(Box::pin(async move { handler.call(task, &job).await }))
    }

    fn queue(&self) -> &'static str {
        T::QUEUE
    }

    fn timeout(&self) -> Duration {
        T::TIMEOUT
    }

    fn backoff(&self, attempt: i32) -> Duration {
        T::backoff(attempt)
    }

    fn job(&self, payload: &str) -> Result<NewJob, serde_json::Error> {
        serde_json::from_str::<T>(payload).map(|task| task.job())
    }
}

/// A task with its resources, whose type is thereby erased too.
struct Bound<R> {
    task: Box<dyn Runnable<R>>,
    resources: Arc<R>,
}

impl<R: Send + Sync> Runnable for Bound<R> {
    fn attempt(&self, payload: &str, job: JobContext) -> Result<Attempt, serde_json::Error> {
        self.task
            .attempt(payload, job.with(Arc::clone(&self.resources)))
    }

    fn queue(&self) -> &'static str {
        self.task.queue()
    }

    fn timeout(&self) -> Duration {
        self.task.timeout()
    }

    fn backoff(&self, attempt: i32) -> Duration {
        self.task.backoff(attempt)
    }

    fn job(&self, payload: &str) -> Result<NewJob, serde_json::Error> {
        self.task.job(payload)
    }
}
