//! Web and worker in one process on a SQLite file, as `cargo dev` has them.

use super::{Case, Run, Unit, at_least, execute::QUIET};
use crate::{
    bench::Size,
    child::variables,
    queues::{Action, Contender, Jobs, Order},
};

pub fn case(size: Size) -> Case {
    Case::new(
        "sqlite",
        "Jobs that do nothing, executed on a SQLite file beside web in one process; 1,000 at once",
        Unit::Jobs,
    )
    .side("ours", race(size.jobs))
    .floor(at_least("ours", 5_000.0))
}

fn race(jobs: u32) -> Run {
    Box::new(move |bench| {
        let folder = tempfile::tempdir_in(bench.folder())?;
        let order = Order {
            contender: Contender::Ours {
                variables: variables(&[("WORKER_QUEUES", "default:1000"), QUIET]),
                beside_web: true,
            },
            action: Action::Execute,
            url: format!("sqlite://{}", folder.path().join("race.sqlite3").display()),
            jobs,
        };
        bench.runtime.block_on(async {
            order.contender.prepare(&order.url).await?;
            let enqueued = order.contender.enqueue(&order.url, jobs, Jobs::Alike);
            enqueued.await
        })?;
        Ok(f64::from(jobs) / bench.time(&order)?)
    })
}
