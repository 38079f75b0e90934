//! apalis's view of a queue: a stream of jobs that are already claimed.
//!
//! It never fails, since apalis ends a worker whose backend does; payloads are decoded in the
//! attempt for the same reason. It ends when the claim loop does, and apalis then waits for the
//! attempts under way.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use apalis_core::{
    backend::{Backend, BackendConfig, finalize::Ephemeral},
    task::{Task, task_id::TaskId},
    worker::context::WorkerContext,
};
use tokio::sync::mpsc;

use super::shared::Assigned;

pub(super) struct QueueBackend {
    assigned: mpsc::UnboundedReceiver<Assigned>,
}

impl QueueBackend {
    pub(super) fn new(assigned: mpsc::UnboundedReceiver<Assigned>) -> Self {
        Self { assigned }
    }
}

impl Backend for QueueBackend {
    type Task = Task<Assigned>;
    type Error = Infallible;

    fn poll_ready(
        &mut self,
        _: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Option<Result<Task<Assigned>, Infallible>>> {
        self.assigned
            .poll_recv(cx)
            .map(|assigned| assigned.map(|assigned| Ok(Task::new(assigned))))
    }

    fn poll_close(
        &mut self,
        _: &mut Context<'_>,
        worker: &WorkerContext,
    ) -> Poll<Result<(), Infallible>> {
        // At the end of its stream apalis still waits to be stopped. It refuses only before it has
        // begun.
        drop(worker.stop());
        Poll::Ready(Ok(()))
    }
}

impl BackendConfig for QueueBackend {
    type Args = Assigned;
    type Id = TaskId;
    type Kind = Ephemeral;
    type Config = ();
    type Layer = tower::layer::util::Identity;

    fn config(&self) -> &() {
        &()
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> Self::Layer {
        tower::layer::util::Identity::new()
    }
}
