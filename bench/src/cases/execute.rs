//! Executing: jobs that were enqueued before, until the last one's outcome is stored.

use super::{Case, Side, Unit, floor};
use crate::{
    bench::{Bench, Size},
    queues::{Action, Contender, Run},
};

const QUIET: (&str, &str) = ("LOG_LEVEL", "info,job.summary=off");

pub fn cases(size: Size) -> Vec<Case> {
    let race =
        |contender| -> super::Run { Box::new(move |bench| execute(bench, &contender, size.jobs)) };
    let ours = |queues, variables: &[(&'static str, &'static str)]| {
        let mut all = vec![("WORKER_QUEUES", queues)];
        all.extend(variables);
        race(Contender::ours(&all))
    };
    let graphile = |concurrency, local_queue| {
        race(Contender::GraphileWorker {
            concurrency,
            local_queue,
        })
    };
    vec![
        Case {
            name: "execute",
            what: "Jobs that do nothing, enqueued before, until the last outcome is stored; \
                   1,000 at once",
            unit: Unit::Jobs,
            sides: vec![
                Side {
                    name: "ours",
                    run: ours("default:1000", &[QUIET]),
                },
                Side {
                    name: "ours, with summaries",
                    run: ours("default:1000", &[]),
                },
                Side {
                    name: "ours, finished jobs deleted",
                    run: ours("default:1000", &[QUIET, ("JOB_RETENTION_HOURS", "0")]),
                },
                Side {
                    name: "graphile_worker",
                    run: graphile(500, Some(5_000)),
                },
                Side {
                    name: "apalis-postgres, tuned",
                    run: race(Contender::ApalisPostgres {
                        workers: 2,
                        batch: 1_000,
                    }),
                },
                Side {
                    name: "SQL alone",
                    run: race(Contender::SqlAlone),
                },
            ],
            floors: vec![
                floor("ours", "graphile_worker", 1.15),
                floor("ours", "SQL alone", 0.8),
                floor("ours, with summaries", "graphile_worker", 0.8),
                floor("ours, finished jobs deleted", "graphile_worker", 1.35),
            ],
        },
        Case {
            name: "execute-ten",
            what: "The same, 10 at once, without a queue in memory",
            unit: Unit::Jobs,
            sides: vec![
                Side {
                    name: "ours",
                    run: ours("default:10", &[QUIET]),
                },
                Side {
                    name: "graphile_worker",
                    run: graphile(10, None),
                },
            ],
            floors: vec![floor("ours", "graphile_worker", 2.0)],
        },
    ]
}

fn execute(bench: &mut Bench, contender: &Contender, jobs: u32) -> anyhow::Result<f64> {
    let url = bench.database();
    bench.runtime.block_on(contender.prepare(&url))?;
    bench.runtime.block_on(contender.enqueue(&url, jobs))?;
    bench.execute(&url, &["VACUUM ANALYZE", "CHECKPOINT"])?;
    let measured = bench.run(&Run {
        contender: contender.clone(),
        action: Action::Execute,
        url: url.clone(),
        jobs,
    })?;
    bench.clean(&url)?;
    Ok(f64::from(jobs) / measured.seconds)
}
