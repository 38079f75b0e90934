//! Which code runs which task.

use std::{collections::HashMap, future::Future, pin::Pin, sync::Arc, time::Duration};

use db::jobs::{NewJob, Task};
use thiserror::Error;

use super::{JobContext, TaskError};

/// The tasks that a worker knows, by their kind.
#[derive(Default)]
pub struct Registry {
    tasks: HashMap<&'static str, Box<dyn Runnable>>,
}

impl Registry {
    /// One that knows no task.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the code of task `T`: an `async fn(T, &JobContext) -> Result<(), TaskError>`.
    pub fn task<T, H>(mut self, handler: H) -> Self
    where
        T: Task,
        H: for<'a> Handler<'a, T>,
    {
        let code = Code::<T, H> {
            handler: Arc::new(handler),
            payload: std::marker::PhantomData,
        };
        self.tasks.insert(T::KIND, Box::new(code));
        self
    }

    /// A job of a task by its name, with a payload that is checked to be the task's.
    pub fn job(&self, kind: &str, payload: &str) -> Result<NewJob, UnknownJob> {
        let task = self.get(kind).ok_or_else(|| {
            let mut known: Vec<&str> = self.tasks.keys().copied().collect();
            known.sort_unstable();
            UnknownJob::Task {
                known: known.join(", "),
            }
        })?;
        task.job(payload).map_err(UnknownJob::Payload)
    }

    /// The names of the tasks.
    pub(super) fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.tasks.keys().copied()
    }

    /// The name of a task as it is in the code, if this worker knows it.
    pub(super) fn kind(&self, kind: &str) -> Option<&'static str> {
        self.tasks.get_key_value(kind).map(|(kind, _)| *kind)
    }

    pub(super) fn get(&self, kind: &str) -> Option<&dyn Runnable> {
        self.tasks.get(kind).map(Box::as_ref)
    }
}

/// Why there is no such job.
#[derive(Debug, Error)]
pub enum UnknownJob {
    /// This worker knows no such task.
    #[error("there is no such task; this worker knows {known}")]
    Task {
        /// Those that it knows.
        known: String,
    },
    /// The payload is not the task's.
    #[error("the payload is not this task's")]
    Payload(#[source] serde_json::Error),
}

/// A task's code: every `async fn(T, &JobContext) -> Result<(), TaskError>` is one.
pub trait Handler<'a, T>: Send + Sync + 'static {
    /// What it returns.
    type Future: Future<Output = Result<(), TaskError>> + Send + 'a;

    /// Runs one attempt.
    fn call(&self, task: T, job: &'a JobContext) -> Self::Future;
}

impl<'a, T, F, Fut> Handler<'a, T> for F
where
    F: Fn(T, &'a JobContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), TaskError>> + Send + 'a,
{
    type Future = Fut;

    fn call(&self, task: T, job: &'a JobContext) -> Fut {
        self(task, job)
    }
}

pub(super) type Attempt = Pin<Box<dyn Future<Output = Result<(), TaskError>> + Send>>;

/// A task whose payload's type is forgotten.
pub(super) trait Runnable: Send + Sync {
    /// An attempt, not begun; or why the payload is not this task's.
    fn attempt(&self, payload: &str, job: JobContext) -> Result<Attempt, serde_json::Error>;
    fn timeout(&self) -> Duration;
    fn backoff(&self, attempt: i32) -> Duration;
    fn job(&self, payload: &str) -> Result<NewJob, serde_json::Error>;
}

struct Code<T, H> {
    handler: Arc<H>,
    payload: std::marker::PhantomData<fn(T)>,
}

impl<T, H> Runnable for Code<T, H>
where
    T: Task,
    H: for<'a> Handler<'a, T>,
{
    fn attempt(&self, payload: &str, job: JobContext) -> Result<Attempt, serde_json::Error> {
        let task: T = serde_json::from_str(payload)?;
        let handler = Arc::clone(&self.handler);
        Ok(Box::pin(async move { handler.call(task, &job).await }))
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
