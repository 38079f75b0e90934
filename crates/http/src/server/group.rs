//! The open connections. The one that was idle for longest can be dismissed.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

use super::activity::Activity;

/// What the server knows of a connection.
#[derive(Clone, Debug)]
pub(super) struct Handle {
    pub(super) activity: Arc<Activity>,
    pub(super) leave: CancellationToken,
}

impl Handle {
    /// The handle of a new connection, which also leaves at the shutdown.
    pub(super) fn new(closing: &CancellationToken) -> Self {
        Self {
            activity: Arc::new(Activity::new()),
            leave: closing.child_token(),
        }
    }
}

/// The open connections of a kind.
#[derive(Debug, Default)]
pub(super) struct Group {
    tasks: JoinSet<()>,
    /// Those that were not dismissed.
    staying: HashMap<Id, Handle>,
}

impl Group {
    /// How many connections are open, including dismissed ones.
    pub(super) fn open(&self) -> usize {
        self.tasks.len()
    }

    /// How many connections are open and not dismissed.
    pub(super) fn staying(&self) -> usize {
        self.staying.len()
    }

    /// Serves a connection.
    pub(super) fn spawn(
        &mut self,
        handle: Handle,
        connection: impl Future<Output = ()> + Send + 'static,
    ) {
        let task = self.tasks.spawn(connection);
        self.staying.insert(task.id(), handle);
    }

    /// Waits until a connection ends, or forever if there is none.
    pub(super) async fn ended(&mut self) {
        let id = match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => id,
            // The panic is already in the log.
            Some(Err(error)) => error.id(),
            None => return std::future::pending().await,
        };
        self.staying.remove(&id);
    }

    /// Dismisses the longest idle connection, if any was idle for `idle`. Returns whether one was.
    pub(super) fn dismiss_longest_idle(&mut self, idle: Duration) -> bool {
        let idle_times = self.staying.iter();
        let idle_times =
            idle_times.filter_map(|(id, handle)| Some((*id, handle.activity.idle_for()?)));
        let longest = idle_times.max_by_key(|(_, time)| *time);
        let handle = longest
            .filter(|(_, time)| *time >= idle)
            .and_then(|(id, _)| self.staying.remove(&id));
        if let Some(handle) = &handle {
            handle.leave.cancel();
        }
        handle.is_some()
    }

    /// Waits until all connections have ended.
    pub(super) async fn all_ended(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }

    /// Cuts all connections off.
    pub(super) async fn cut_off(&mut self) {
        self.tasks.shutdown().await;
    }
}
