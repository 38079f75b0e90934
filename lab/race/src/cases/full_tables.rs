//! A service that has run for long: ten million finished jobs, and five million for later.

use super::{
    Case, Effort, Unit, at_least, at_most,
    claim::claim,
    execute::{QUIET, execute_in, ours, race},
};
use crate::{
    bench::{Bench, Size},
    queues::Jobs,
};

pub fn cases(size: Size) -> Vec<Case> {
    let jobs = [(Jobs::TenPriorities, size.jobs)];
    vec![
        Case::new(
            "full-tables",
            "Jobs of ten priorities, beside 10,000,000 finished and 5,000,000 scheduled ones",
            Unit::Jobs,
        )
        .effort(Effort::Long)
        .thrice()
        .side(
            "ours, full tables",
            Box::new(move |bench| {
                let url = full(bench, size)?;
                execute_in(bench, &url, &ours(&[QUIET]), &jobs)
            }),
        )
        .side(
            "ours, empty tables",
            race(ours(&[QUIET]), size.jobs, Jobs::TenPriorities),
        )
        .floor(at_least("ours, full tables", 0.95).times("ours, empty tables")),
        Case::new(
            "full-tables-claim",
            "A claim from an empty queue, beside the same rows",
            Unit::Milliseconds,
        )
        .effort(Effort::Long)
        .figures(
            ["ours, p50", "ours, p99"],
            Box::new(move |bench| {
                let url = full(bench, size)?;
                claim(bench, &url, size)
            }),
        )
        .floor(at_most("ours, p99", 2.0)),
    ]
}

/// The database with these rows. As beside empty tables, what an earlier run left is not what is measured.
fn full(bench: &mut Bench, size: Size) -> anyhow::Result<String> {
    let url = bench.kept("full", |bench, url| {
        bench.runtime.block_on(ours(&[]).prepare(url))?;
        let finished = FINISHED.replace("COUNT", &(2 * size.rows).to_string());
        let scheduled = SCHEDULED.replace("COUNT", &size.rows.to_string());
        bench.execute(url, &[&finished, &scheduled, "VACUUM ANALYZE"])
    })?;
    bench.execute(&url, &["VACUUM ANALYZE job", "CHECKPOINT"])?;
    Ok(url)
}

/// Jobs of the last day, with ids in the order of time.
const FINISHED: &str = "
INSERT INTO finished_job (id, kind, queue, priority, state, payload, attempt, max_attempts, run_at,
                          created_at, started_at, finished_at, lease_number)
SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(n::text), 1, 3)
        || '8' || substr(md5(n::text), 4, 15))::uuid,
       'nothing', 'default', n % 10, CASE WHEN n % 1000 = 0 THEN 'dead' ELSE 'completed' END,
       json_build_object('id', n), 1, 20, at, at, at, at, 1
FROM (SELECT n, now() - (COUNT - n) * interval '1 day' / COUNT AS at FROM generate_series(1, COUNT) AS n) AS rows";

/// Jobs of the last day for the next ten days.
const SCHEDULED: &str = "
INSERT INTO job (id, kind, queue, priority, state, payload, max_attempts, run_at, created_at)
SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(n::text), 1, 3)
        || '9' || substr(md5(n::text), 4, 15))::uuid,
       'nothing', 'default', n % 10, 'scheduled', json_build_object('id', n), 20,
       at + interval '2 days' + n % 10 * interval '1 day', at
FROM (SELECT n, now() - (COUNT - n) * interval '1 day' / COUNT AS at FROM generate_series(1, COUNT) AS n) AS rows";
