//! One side of a case, in a process of its own.

use serde::{Deserialize, Serialize};

use crate::{queues, servers};

/// What the process is told to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Side {
    /// Works on a queue, says what it measured, and ends.
    Queue(queues::Order),
    /// Says where it listens, and answers until it is killed.
    Server(servers::Server),
}

impl Side {
    pub fn run(side: &str) -> anyhow::Result<bool> {
        match serde_json::from_str(side)? {
            Self::Queue(order) => queues::run(&order)?,
            Self::Server(server) => servers::run(&server)?,
        }
        Ok(true)
    }
}
