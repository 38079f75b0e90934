//! How long a job waits in a worker that has nothing else to do.

use super::{
    Case, Run, Unit, at_most,
    execute::{QUIET, ours},
    percentile,
};
use crate::{
    bench::Size,
    queues::{Action, Contender, Order},
};

/// Jobs a second, each in a transaction of its own.
const RATE: u32 = 500;

/// Without its queue in memory: with one, it was seen to stop fetching until the time to live of that
/// queue was over, which is five minutes. And with few slots, all of which look when there may be something.
const GRAPHILE: Contender = Contender::GraphileWorker {
    concurrency: 10,
    local_queue: None,
};

pub fn case(size: Size) -> Case {
    let race = |contender| race(contender, size.seconds);
    Case::new(
        "latency",
        "From a commit to the beginning of its job, at 500 jobs a second",
        Unit::Milliseconds,
    )
    .figures(["ours, p50", "ours, p99"], race(ours(&[QUIET])))
    .figures(
        ["graphile_worker, p50", "graphile_worker, p99"],
        race(GRAPHILE),
    )
    .floor(at_most("ours, p50", 1.0).times("graphile_worker, p50"))
    .floor(at_most("ours, p99", 1.0).times("graphile_worker, p99"))
}

fn race(contender: Contender, seconds: u32) -> Run<[f64; 2]> {
    Box::new(move |bench| {
        let url = bench.database();
        bench.runtime.block_on(contender.prepare(&url))?;
        let order = |action| Order {
            contender: contender.clone(),
            action,
            url: url.clone(),
            // The first second warms up.
            jobs: RATE * (1 + seconds),
        };
        let mut worker = bench.start(&order(Action::NoteBegins))?;
        let offer = Action::Offer {
            rate: RATE,
            batch: 1,
        };
        let committed = bench.run(&order(offer))?;
        let begun: Vec<f64> = worker.hear()?;
        let waits = begun.iter().zip(committed).skip(RATE as usize);
        let waits: Vec<f64> = waits
            .map(|(begun, committed)| (begun - committed) * 1000.0)
            .collect();
        drop(worker);
        bench.clean(&url)?;
        Ok([50, 99].map(|per_cent| percentile(&waits, per_cent)))
    })
}
