//! apalis's view of a queue: a stream of jobs that are already claimed.
//!
//! It never fails, because apalis stops a worker whose backend fails. Payloads are decoded in the
//! attempt for the same reason. The stream ends with the claim loop, and apalis then waits for the
//! running attempts.

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
        // apalis does not stop by itself when its stream ends. `stop` fails only before the start.
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
