//! Enqueueing: many jobs in a statement, and one in a transaction.

use super::{Case, Run, Unit, at_least};
use crate::{
    bench::{Bench, Size},
    queues::{Action, Contender, Order},
};

const GRAPHILE: Contender = Contender::GraphileWorker {
    concurrency: 1,
    local_queue: None,
};

pub fn cases(size: Size) -> Vec<Case> {
    let batch = |contender| race(contender, Action::EnqueueBatch, size.jobs);
    let single = |name, what, clients| {
        let race = |contender| race(contender, Action::EnqueueSingle { clients }, size.jobs / 10);
        Case::new(name, what, Unit::Jobs)
            .side("ours", race(Contender::ours(&[])))
            .side("a bare INSERT", race(Contender::SqlAlone))
            .side("graphile_worker", race(GRAPHILE))
            .floor(at_least("ours", 0.9).times("a bare INSERT"))
    };
    vec![
        Case::new(
            "enqueue-batch",
            "Enqueueing 1,000 jobs in a transaction, by one client",
            Unit::Jobs,
        )
        .side("ours", batch(Contender::ours(&[])))
        .side("graphile_worker", batch(GRAPHILE))
        .floor(at_least("ours", 2.0).times("graphile_worker")),
        single(
            "enqueue-one",
            "Enqueueing a job in a transaction, by one client",
            1,
        ),
        single(
            "enqueue-one-16",
            "Enqueueing a job in a transaction, by 16 clients",
            16,
        ),
    ]
}

fn race(contender: Contender, action: Action, jobs: u32) -> Run {
    Box::new(move |bench: &mut Bench| {
        let url = bench.database();
        bench.runtime.block_on(contender.prepare(&url))?;
        let seconds = bench.time(&Order {
            contender: contender.clone(),
            action,
            url: url.clone(),
            jobs,
        })?;
        bench.clean(&url)?;
        Ok(f64::from(jobs) / seconds)
    })
}
