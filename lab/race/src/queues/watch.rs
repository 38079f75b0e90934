//! What a side's tasks tell of themselves.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use tokio::sync::Notify;

use super::{Action, Order};

/// Counts the jobs that begin, and notes when where that is asked for.
#[derive(Clone, Debug)]
pub struct Watch(Arc<State>);

#[derive(Debug)]
struct State {
    since: Instant,
    jobs: u32,
    begun: AtomicU32,
    all: Notify,
    /// When each began, by its id.
    times: Option<Mutex<Vec<f64>>>,
}

impl Watch {
    pub fn new(order: &Order) -> Self {
        let notes = matches!(order.action, Action::NoteBegins);
        Self(Arc::new(State {
            since: Instant::now(),
            jobs: order.jobs,
            begun: AtomicU32::new(0),
            all: Notify::new(),
            times: notes.then(|| Mutex::new(vec![f64::NAN; order.jobs as usize])),
        }))
    }

    /// A job begins.
    pub fn began(&self, id: u32) {
        let Self(state) = self;
        if let Some(times) = &state.times {
            let mut times = times.lock().unwrap_or_else(PoisonError::into_inner);
            times[id as usize] = now();
        }
        if state.begun.fetch_add(1, Ordering::Relaxed) + 1 == state.jobs {
            state.all.notify_one();
        }
    }

    /// Returns when all jobs have begun.
    pub async fn all(&self) {
        self.0.all.notified().await;
    }

    /// What the side says: when each job began, or how many seconds have passed.
    pub fn measured(&self) -> Vec<f64> {
        match &self.0.times {
            Some(times) => times.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            None => vec![self.0.since.elapsed().as_secs_f64()],
        }
    }
}

/// The time, in seconds, by the clock that the processes of this machine have in common.
pub fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(f64::NAN, |since| since.as_secs_f64())
}
