//! A claim where there is nothing to claim.

use super::{Case, Run, Unit, percentile};
use crate::{
    bench::{Bench, Size},
    queues::{Action, Contender, Jobs, Order},
};

const PAUSE: &str = "INSERT INTO queue (name, paused_at) VALUES ('default', now())";

pub fn cases(size: Size) -> Vec<Case> {
    vec![
        Case::new(
            "empty-queue",
            "A claim from a queue in which there is nothing",
            Unit::Milliseconds,
        )
        .figures(["ours, p50", "ours, p99"], race(size, 0)),
        Case::new(
            "paused-queue",
            "A claim from a queue that is paused, with 100,000 jobs that wait",
            Unit::Milliseconds,
        )
        .figures(["ours, p50", "ours, p99"], race(size, size.jobs)),
    ]
}

fn race(size: Size, waiting: u32) -> Run<[f64; 2]> {
    Box::new(move |bench| {
        let contender = Contender::ours(&[]);
        let url = bench.database();
        bench.runtime.block_on(contender.prepare(&url))?;
        if waiting > 0 {
            let enqueued = contender.enqueue(&url, waiting, Jobs::Alike);
            bench.runtime.block_on(enqueued)?;
            bench.execute(&url, &[PAUSE])?;
        }
        bench.execute(&url, &["VACUUM ANALYZE", "CHECKPOINT"])?;
        let times = claim(bench, &url, size)?;
        bench.clean(&url)?;
        Ok(times)
    })
}

/// The median and the 99th percentile of claims that get nothing.
pub fn claim(bench: &Bench, url: &str, size: Size) -> anyhow::Result<[f64; 2]> {
    let times = bench.run(&Order {
        contender: Contender::ours(&[]),
        action: Action::ClaimInVain,
        url: url.to_owned(),
        jobs: size.jobs / 100,
    })?;
    Ok([50, 99].map(|per_cent| percentile(&times, per_cent)))
}
