//! Which code runs which task.

use std::{collections::HashMap, future::Future, pin::Pin, sync::Arc, time::Duration};

use db::jobs::Task;

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

    pub(super) fn get(&self, kind: &str) -> Option<&dyn Runnable> {
        self.tasks.get(kind).map(Box::as_ref)
    }
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
}
