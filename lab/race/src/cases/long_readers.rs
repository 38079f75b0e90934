//! Transactions that hold back vacuum, so that what was claimed and moved stays in the tables.

use std::time::{Duration, Instant};

use sqlx::{Connection as _, PgConnection};
use tokio::{
    task::JoinSet,
    time::{Instant as At, sleep_until},
};

use super::{
    Case, Effort, Run, Unit, at_most,
    execute::{QUIET, ours},
    percentile,
};
use crate::{
    bench::Size,
    queues::{self, Action, Order, claims},
};

/// Jobs a second, ten in a transaction.
const RATE: u32 = 1_000;
const BATCH: u32 = 10;

/// The whole run, in minutes.
const RUN: u32 = 10;

/// When the readers begin, in thirds of a minute. Each reads three times, two minutes each: at any
/// time between the first and the last, what died in the last 80 s is kept.
const READERS: [u32; 3] = [3, 5, 7];
const READS: u32 = 3;
const READ: u32 = 6;

pub fn case(size: Size) -> Case {
    Case::new(
        "long-readers",
        "1,000 jobs a second for ten minutes; for seven of them three readers, with snapshots of 120 s, hold back vacuum. A claim every 20 ms beside the worker, timed from when it is due",
        Unit::Milliseconds,
    )
    .effort(Effort::Long)
    .once()
    .figures(
        [
            "claim p99, first minute",
            "claim p99, whole run",
            "claim p99, the minute after the last",
            "claim p99, from 60 s after the last on",
            "until none is left at the end",
        ],
        race(size),
    )
    .floor(at_most("claim p99, whole run", 50.0))
    .floor(at_most("claim p99, the minute after the last", 2.0).times("claim p99, first minute"))
    .floor(at_most("claim p99, from 60 s after the last on", 2.0).times("claim p99, first minute"))
    .floor(at_most("until none is left at the end", 1_000.0))
}

fn race(size: Size) -> Run<[f64; 5]> {
    Box::new(move |bench| {
        bench.drop_kept()?;
        let contender = ours(&[QUIET]);
        let url = bench.database();
        bench.runtime.block_on(contender.prepare(&url))?;
        let order = |action, jobs| Order {
            contender: contender.clone(),
            action,
            url: url.clone(),
            jobs,
        };
        let per_minute = size.minute * 1_000 / u32::try_from(claims::BESIDE.as_millis())?;
        let claims = RUN * per_minute;
        let worker = bench.start(&order(Action::WorkForEver, 0))?;
        let mut claimer = bench.start(&order(Action::ClaimBeside, claims))?;
        let third = Duration::from_secs(size.minute.into()) / 3;
        let readers = bench.runtime.spawn(read(url.clone(), third));
        let offer = Action::Offer {
            rate: RATE,
            batch: BATCH,
        };
        bench.run(&order(offer, RATE * RUN * size.minute))?;
        let offered = Instant::now();
        bench.runtime.block_on(queues::until_done(&url))?;
        let drained = offered.elapsed().as_secs_f64() * 1000.0;
        bench.runtime.block_on(readers)??;
        let times: Vec<f64> = claimer.hear()?;
        drop((worker, claimer));
        bench.clean(&url)?;
        let minute = per_minute as usize;
        let last = (READERS[2] + READS * READ) as usize * minute / 3;
        Ok([
            percentile(&times[..minute], 99),
            percentile(&times, 99),
            percentile(&times[last..last + minute], 99),
            percentile(&times[last + minute..], 99),
            drained,
        ])
    })
}

async fn read(url: String, third: Duration) -> anyhow::Result<()> {
    let begun = At::now();
    let mut readers = JoinSet::new();
    for start in READERS {
        let url = url.clone();
        readers.spawn(async move {
            let mut connection = PgConnection::connect(&url).await?;
            for read in 0..READS {
                sleep_until(begun + third * (start + read * READ)).await;
                let mut txn = connection
                    .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ")
                    .await?;
                sqlx::query("SELECT count(*) FROM \"order\"")
                    .execute(&mut *txn)
                    .await?;
                sleep_until(begun + third * (start + (read + 1) * READ)).await;
                txn.commit().await?;
            }
            anyhow::Ok(())
        });
    }
    readers.join_all().await.into_iter().collect()
}
