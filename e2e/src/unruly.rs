//! The tasks of the binary `unruly`, a worker that has to live with what no task should do.

use std::{thread, time::Duration};

use bare_queue::{JobContext, Registry, ScheduleError, Schedules, Task, TaskError};
use chrono::{DateTime, Utc};
use rustix::process::{Signal, getpid, kill_process};
use serde::{Deserialize, Serialize};

/// What a job does.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Deed {
    /// What it should, within so many milliseconds.
    Good(u64),
    /// It panics.
    Panics,
    /// It does not end.
    Hangs,
    /// It blocks its thread for so many milliseconds.
    Blocks(u64),
    /// It kills its process.
    Kills,
}

impl Task for Deed {
    const KIND: &'static str = "deed";
}

/// A job that is enqueued every second.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Tick(pub DateTime<Utc>);

impl Task for Tick {
    const KIND: &'static str = "tick";
}

/// The tasks' code.
pub fn tasks() -> Registry {
    let tick = |_: Tick, _: &JobContext| async { Ok(()) };
    Registry::new().task(run).task(tick)
}

/// A tick every second.
pub fn schedules() -> Result<Schedules, ScheduleError> {
    Schedules::new().add("tick", "* * * * * *", "UTC", |tick| Tick(tick).job())
}

async fn run(deed: Deed, _: &JobContext) -> Result<(), TaskError> {
    match deed {
        Deed::Good(milliseconds) => {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        }
        Deed::Panics => panic!("as it was told to"),
        Deed::Hangs => std::future::pending().await,
        Deed::Blocks(milliseconds) => thread::sleep(Duration::from_millis(milliseconds)),
        Deed::Kills => {
            kill_process(getpid(), Signal::KILL).map_err(anyhow::Error::from)?;
            thread::park();
        }
    }
    Ok(())
}
