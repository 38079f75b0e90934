//! Worker processes that share a queue.

use std::time::Instant;

use super::{
    Case, Run, Unit, at_least,
    execute::{QUIET, ours},
};
use crate::{
    bench::Size,
    queues::{self, Action, Jobs, Order},
};

pub fn case(size: Size) -> Case {
    Case::new(
        "four-workers",
        "Jobs that do nothing, executed by four worker processes and by one; 1,000 at once in each",
        Unit::Jobs,
    )
    .thrice()
    .side("ours, four", race(4, size.jobs))
    .side("ours, one", race(1, size.jobs))
    .floor(at_least("ours, four", 0.8).times("ours, one"))
}

fn race(workers: usize, jobs: u32) -> Run {
    Box::new(move |bench| {
        let order = Order {
            contender: ours(&[QUIET]),
            action: Action::WorkForEver,
            url: bench.database(),
            jobs,
        };
        let url = &order.url;
        bench.runtime.block_on(order.contender.prepare(url))?;
        let enqueued = order.contender.enqueue(url, jobs, Jobs::Alike);
        bench.runtime.block_on(enqueued)?;
        bench.execute(url, &["VACUUM ANALYZE", "CHECKPOINT"])?;
        let begun = Instant::now();
        let workers = (0..workers).map(|_| bench.start(&order));
        let workers = workers.collect::<anyhow::Result<Vec<_>>>()?;
        bench.runtime.block_on(queues::until_done(url))?;
        let seconds = begun.elapsed().as_secs_f64();
        drop(workers);
        bench.clean(url)?;
        Ok(f64::from(jobs) / seconds)
    })
}
