//! A place in a task's code where it waits for the test.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::queue::in_time;

/// Attempts wait at the gate until the test lets them through.
#[derive(Clone, Debug)]
pub struct Gate {
    reached: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Gate {
    pub fn closed() -> Self {
        let none = || Arc::new(Semaphore::new(0));
        Self {
            reached: none(),
            open: none(),
        }
    }

    /// For the task: reports that it is here, and waits.
    pub async fn pass(&self) {
        self.reached.add_permits(1);
        self.open.acquire().await.unwrap().forget();
    }

    /// For the test: waits until this many more attempts are here.
    pub async fn is_reached_by(&self, attempts: u32) {
        let reached = in_time(self.reached.acquire_many(attempts)).await;
        reached.unwrap().forget();
    }

    /// For the test: lets this many attempts through.
    pub fn open(&self, attempts: usize) {
        self.open.add_permits(attempts);
    }
}
