//! The tasks of our side.

use std::{
    hint,
    time::{Duration, Instant},
};

use bare_queue::{JobContext, NewJob, Registry, Task, TaskError};
use serde::{Deserialize, Serialize};

use super::{Jobs, watch::Watch};

/// Does nothing.
#[derive(Debug, Serialize, Deserialize)]
pub struct Nothing {
    pub id: u32,
}

impl Task for Nothing {
    const KIND: &'static str = "nothing";
}

/// Fails at its first attempt.
#[derive(Debug, Serialize, Deserialize)]
struct Stumble {
    id: u32,
}

impl Task for Stumble {
    const KIND: &'static str = "stumble";
}

/// Waits for somebody, in a queue of its own.
#[derive(Debug, Serialize, Deserialize)]
struct Sleep;

impl Task for Sleep {
    const KIND: &'static str = "sleep";
    const QUEUE: &'static str = SLOW;
}

/// Keeps a core busy, in a queue of its own.
#[derive(Debug, Serialize, Deserialize)]
struct Compute;

impl Task for Compute {
    const KIND: &'static str = "compute";
    const QUEUE: &'static str = SLOW;
}

const SLOW: &str = "slow";
const SLEEP: Duration = Duration::from_millis(100);
const COMPUTE: Duration = Duration::from_millis(20);

/// A job that is like this.
pub fn job(like: Jobs, id: u32) -> NewJob {
    match like {
        Jobs::Alike => Nothing { id }.job(),
        Jobs::TenPriorities => Nothing { id }.job().priority((id % 10).cast_signed()),
        Jobs::FailFirst => Stumble { id }.job(),
        Jobs::Sleep => Sleep.job(),
        Jobs::Compute => Compute.job(),
    }
}

/// The code of them all.
pub fn registry(watch: &Watch) -> Registry {
    let (nothing, stumble) = (watch.clone(), watch.clone());
    Registry::new()
        .task(move |Nothing { id }, _: &JobContext| {
            nothing.began(id);
            async { Ok(()) }
        })
        .task(move |Stumble { id }, job: &JobContext| {
            let fails = job.attempt == 1;
            if !fails {
                stumble.began(id);
            }
            async move {
                if fails {
                    let error = anyhow::anyhow!("the first attempt fails");
                    return Err(TaskError::RetryAfter(Duration::ZERO, error));
                }
                Ok(())
            }
        })
        .task(|_: Sleep, _: &JobContext| async {
            tokio::time::sleep(SLEEP).await;
            Ok(())
        })
        .task(|_: Compute, _: &JobContext| async {
            let begun = Instant::now();
            while begun.elapsed() < COMPUTE {
                hint::spin_loop();
            }
            Ok(())
        })
}
