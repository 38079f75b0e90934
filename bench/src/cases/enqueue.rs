//! Enqueueing: many jobs in a statement, and one in a transaction.

use super::{Case, Side, Unit, floor};
use crate::{
    bench::{Bench, Size},
    queues::{Action, Contender, Run},
};

pub fn cases(size: Size) -> Vec<Case> {
    let graphile = Contender::GraphileWorker {
        concurrency: 1,
        local_queue: None,
    };
    let side = |name, contender: &Contender, action, jobs| Side {
        name,
        run: enqueue(contender.clone(), action, jobs),
    };
    let single = |name, what, clients| {
        let (action, jobs) = (Action::EnqueueSingle { clients }, size.jobs / 10);
        Case {
            name,
            what,
            unit: Unit::Jobs,
            sides: vec![
                side("ours", &Contender::ours(&[]), action, jobs),
                side("a bare INSERT", &Contender::SqlAlone, action, jobs),
                side("graphile_worker", &graphile, action, jobs),
            ],
            floors: vec![floor("ours", "a bare INSERT", 0.9)],
        }
    };
    vec![
        Case {
            name: "enqueue-batch",
            what: "Enqueueing 1,000 jobs in a transaction, by one client",
            unit: Unit::Jobs,
            sides: vec![
                side(
                    "ours",
                    &Contender::ours(&[]),
                    Action::EnqueueBatch,
                    size.jobs,
                ),
                side(
                    "graphile_worker",
                    &graphile,
                    Action::EnqueueBatch,
                    size.jobs,
                ),
            ],
            floors: vec![floor("ours", "graphile_worker", 2.0)],
        },
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

fn enqueue(contender: Contender, action: Action, jobs: u32) -> super::Run {
    Box::new(move |bench: &mut Bench| {
        let url = bench.database();
        bench.runtime.block_on(contender.prepare(&url))?;
        let measured = bench.run(&Run {
            contender: contender.clone(),
            action,
            url: url.clone(),
            jobs,
        })?;
        bench.clean(&url)?;
        Ok(f64::from(jobs) / measured.seconds)
    })
}
