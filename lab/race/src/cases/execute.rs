//! Executing: jobs that were enqueued before, until the last one's outcome is stored.

use super::{Case, Run, Unit, at_least};
use crate::{
    bench::{Bench, Size},
    queues::{Action, Contender, Jobs, Order},
};

pub const QUIET: (&str, &str) = ("LOG_LEVEL", "info,job.summary=off");

/// At its best.
const GRAPHILE: Contender = Contender::GraphileWorker {
    concurrency: 500,
    local_queue: Some(5_000),
};

pub fn cases(size: Size) -> Vec<Case> {
    vec![
        at_best(size),
        ten(size),
        retry_heavy(size),
        priorities(size),
        slow_queue(size),
    ]
}

fn at_best(size: Size) -> Case {
    let race = |contender| race(contender, size.jobs, Jobs::Alike);
    let apalis = |workers, batch| Contender::ApalisPostgres { workers, batch };
    let as_it_comes = self::race(apalis(1, None), size.jobs / 20, Jobs::Alike);
    Case::new(
        "execute",
        "Jobs that do nothing, enqueued before, until the last outcome is stored; 1,000 at once, and no summaries but where it says so",
        Unit::Jobs,
    )
    .thrice()
    .side("ours", race(ours(&[QUIET])))
    .side("ours, with summaries", race(ours(&[])))
    .side(
        "ours, finished jobs deleted",
        race(ours(&[QUIET, ("JOB_RETENTION_HOURS", "0")])),
    )
    .side("graphile_worker", race(GRAPHILE))
    .side("apalis-postgres, tuned", race(apalis(2, Some(1_000))))
    .side("apalis-postgres, as it comes", as_it_comes)
    .side("SQL alone", race(Contender::SqlAlone))
    .floor(at_least("ours", 1.15).times("graphile_worker"))
    .floor(at_least("ours", 0.8).times("SQL alone"))
    .floor(at_least("ours, with summaries", 0.8).times("graphile_worker"))
    .floor(at_least("ours, finished jobs deleted", 1.35).times("graphile_worker"))
}

fn ten(size: Size) -> Case {
    let ours = Contender::ours(&[("WORKER_QUEUES", "default:10"), QUIET]);
    let graphile = Contender::GraphileWorker {
        concurrency: 10,
        local_queue: None,
    };
    Case::new(
        "execute-ten",
        "The same, 10 at once, without a queue in memory",
        Unit::Jobs,
    )
    .side("ours", race(ours, size.jobs / 5, Jobs::Alike))
    .side(
        "graphile_worker",
        race(graphile, size.jobs / 5, Jobs::Alike),
    )
    .floor(at_least("ours", 2.0).times("graphile_worker"))
}

/// No peer: graphile_worker waits for seconds before it tries again, whatever the task says.
fn retry_heavy(size: Size) -> Case {
    let race = |like| race(ours(&[QUIET]), size.jobs, like);
    Case::new(
        "retry-heavy",
        "Each job fails at its first attempt and is tried again at once",
        Unit::Jobs,
    )
    .side("ours, two attempts each", race(Jobs::FailFirst))
    .side("ours, one attempt each", race(Jobs::Alike))
    .floor(at_least("ours, two attempts each", 0.3).times("ours, one attempt each"))
}

fn priorities(size: Size) -> Case {
    let race = |contender, like| race(contender, size.jobs, like);
    Case::new(
        "priorities",
        "Jobs of ten priorities, mixed, against jobs of one",
        Unit::Jobs,
    )
    .thrice()
    .side("ours, ten", race(ours(&[QUIET]), Jobs::TenPriorities))
    .side("ours, one", race(ours(&[QUIET]), Jobs::Alike))
    .side("graphile_worker, ten", race(GRAPHILE, Jobs::TenPriorities))
    .side("graphile_worker, one", race(GRAPHILE, Jobs::Alike))
    .floor(at_least("ours, ten", 0.9).times("ours, one"))
    .floor(at_least("ours, ten", 1.15).times("graphile_worker, ten"))
}

fn slow_queue(size: Size) -> Case {
    let race = |queues, beside: Option<Jobs>| -> Run {
        let contender = Contender::ours(&[("WORKER_QUEUES", queues), QUIET]);
        let beside = beside.map(|like| (like, size.jobs / 50));
        Box::new(move |bench| {
            let jobs = [(Jobs::Alike, size.jobs)].into_iter().chain(beside);
            execute(bench, &contender, &jobs.collect::<Vec<_>>())
        })
    };
    Case::new(
        "slow-queue",
        "Jobs that do nothing, alone in their worker and beside a queue of slow ones",
        Unit::Jobs,
    )
    .thrice()
    .side("ours, alone", race("default:1000,slow:10", None))
    .side(
        "ours, ten sleep",
        race("default:1000,slow:10", Some(Jobs::Sleep)),
    )
    .side(
        "ours, one computes",
        race("default:1000,slow:1", Some(Jobs::Compute)),
    )
    .floor(at_least("ours, ten sleep", 0.9).times("ours, alone"))
    .floor(at_least("ours, one computes", 0.4).times("ours, alone"))
}

/// Our worker with 1,000 jobs at once.
pub fn ours(more: &[(&str, &str)]) -> Contender {
    let mut variables = vec![("WORKER_QUEUES", "default:1000")];
    variables.extend(more);
    Contender::ours(&variables)
}

pub fn race(contender: Contender, jobs: u32, like: Jobs) -> Run {
    Box::new(move |bench| execute(bench, &contender, &[(like, jobs)]))
}

/// How many jobs a second are executed of the first kind, in a database of their own.
fn execute(bench: &mut Bench, contender: &Contender, jobs: &[(Jobs, u32)]) -> anyhow::Result<f64> {
    let url = bench.database();
    bench.runtime.block_on(contender.prepare(&url))?;
    let rate = execute_in(bench, &url, contender, jobs)?;
    bench.clean(&url)?;
    Ok(rate)
}

/// The same in a database that is there.
pub fn execute_in(
    bench: &Bench,
    url: &str,
    contender: &Contender,
    jobs: &[(Jobs, u32)],
) -> anyhow::Result<f64> {
    for &(like, count) in jobs {
        let enqueued = contender.enqueue(url, count, like);
        bench.runtime.block_on(enqueued)?;
    }
    bench.execute(url, &["VACUUM ANALYZE", "CHECKPOINT"])?;
    let (_, count) = jobs[0];
    let seconds = bench.time(&Order {
        contender: contender.clone(),
        action: Action::Execute,
        url: url.to_owned(),
        jobs: count,
    })?;
    Ok(f64::from(count) / seconds)
}
