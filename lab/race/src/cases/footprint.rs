//! What the binaries take: time to start, memory, connections, bytes on the disk.

use std::{
    fs,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use bare_queue::{Task as _, enqueue_many};
use bare_testkit::{process::free_port, smtp::SmtpServer};
use fixture::receipt::SendReceipt;

use super::{Case, Run, Unit, at_most, web::with_orders};
use crate::{
    bench::{Bench, Size},
    binaries,
    load::{self, Request},
    machine,
    process::Process,
    queues,
};

/// How many orders there are to be shown, and to get receipts.
const ORDERS: i32 = 10_000;

/// After this long a process that has started is idle.
const SETTLED: Duration = Duration::from_secs(2);

const CONNECTIONS: &str = "SELECT count(*)::float8 FROM pg_stat_activity \
     WHERE datname = current_database() AND application_name ~ '(web|worker)'";

pub fn cases(size: Size) -> Vec<Case> {
    vec![
        Case::new(
            "start",
            "From the start of web on a migrated database to its first 200",
            Unit::Milliseconds,
        )
        .side("GET /", start(size, "/"))
        .side("GET /__heartbeat__", start(size, "/__heartbeat__"))
        .floor(at_most("GET /", 100.0))
        .floor(at_most("GET /__heartbeat__", 100.0)),
        memory(size),
        connections(size),
        Case::new("binary-size", "Bytes on the disk", Unit::Megabytes)
            .once()
            .figures(["web", "worker", "migration"], on_disk(size)),
    ]
}

fn memory(size: Size) -> Case {
    let case = Case::new(
        "memory",
        "Resident memory of a process, idle and after 100,000 requests or jobs",
        Unit::Megabytes,
    );
    idle_and_after(case, size, |_, _, process| {
        machine::resident_megabytes(process.0.id())
    })
    .floor(at_most("web, idle", 20.0))
    .floor(at_most("worker, idle", 16.0))
    .floor(at_most("web, after work", 1.5).times("web, idle"))
    .floor(at_most("worker, after work", 1.5).times("worker, idle"))
}

fn connections(size: Size) -> Case {
    let case = Case::new(
        "connections",
        "Connections of a process to PostgreSQL, with a pool of ten, idle and after 1,000 requests or jobs",
        Unit::Connections,
    );
    let size = Size {
        jobs: 1_000,
        ..size
    };
    idle_and_after(case, size, |bench, url, _| bench.ask(url, CONNECTIONS))
        .floor(at_most("web, after work", 10.0))
        .floor(at_most("worker, after work", 15.0))
}

/// What each process uses before it has done anything, and after a lot.
fn idle_and_after(case: Case, size: Size, used: Used) -> Case {
    case.once()
        .figures(["web, idle", "web, after work"], web(size, used))
        .figures(["worker, idle", "worker, after work"], worker(size, used))
}

/// What is used by a process.
type Used = fn(&Bench, &str, &Process) -> anyhow::Result<f64>;

fn start(size: Size, path: &'static str) -> Run {
    Box::new(move |bench| {
        let (mut command, url, port) = web_on(bench, size)?;
        let begun = Instant::now();
        let web = bench.program(&mut command)?;
        binaries::until_ok(port, path)?;
        let took = begun.elapsed().as_secs_f64() * 1000.0;
        drop(web);
        bench.clean(&url)?;
        Ok(took)
    })
}

fn web(size: Size, used: Used) -> Run<[f64; 2]> {
    Box::new(move |bench| {
        let (mut command, url, port) = web_on(bench, size)?;
        let web = bench.program(&mut command)?;
        binaries::until_ok(port, "/")?;
        thread::sleep(SETTLED);
        let idle = used(bench, &url, &web)?;
        let (address, mut left) = (format!("127.0.0.1:{port}"), f64::from(size.jobs));
        while left > 0.0 {
            let request = Request::Get("/order/order-5000");
            left -= load::requests_per_second(&address, request, 1)?;
        }
        let after = used(bench, &url, &web)?;
        drop(web);
        bench.clean(&url)?;
        Ok([idle, after])
    })
}

/// Web, not yet started, and its database and its port.
fn web_on(bench: &mut Bench, size: Size) -> anyhow::Result<(Command, String, u16)> {
    let (url, port) = (with_orders(bench)?, free_port());
    let variables = [("DATABASE_URL", &*url), ("PORT", &port.to_string())];
    let command = command("fixture-web", size, &variables)?;
    Ok((command, url, port))
}

/// Its jobs send a receipt each, which goes to a mail server. Many at once, since
/// the mail library writes an e-mail in two steps and the second waits for an acknowledgement (40 ms).
fn worker(size: Size, used: Used) -> Run<[f64; 2]> {
    Box::new(move |bench| {
        let (url, smtp) = (with_orders(bench)?, SmtpServer::start());
        let variables = [
            ("DATABASE_URL", &*url),
            ("SMTP_URL", &smtp.url()),
            ("WORKER_QUEUES", "default:100"),
        ];
        let worker = bench.program(&mut command("fixture-worker", size, &variables)?)?;
        thread::sleep(SETTLED);
        let idle = used(bench, &url, &worker)?;
        bench.runtime.block_on(async {
            let db = bare_testkit::connect(&url).await;
            let txn = bare_database::begin(&db).await?;
            let jobs = (0..size.jobs.cast_signed()).map(|number| SendReceipt {
                order_id: 1 + number % ORDERS,
            });
            enqueue_many(&txn, jobs.map(|job| job.job())).await?;
            txn.commit().await?;
            queues::until_done(&url).await
        })?;
        let after = used(bench, &url, &worker)?;
        drop(worker);
        bench.clean(&url)?;
        Ok([idle, after])
    })
}

/// A binary with nothing but these in its environment.
fn command(name: &str, size: Size, variables: &[(&str, &str)]) -> anyhow::Result<Command> {
    let mut command = Command::new(binaries::path(name, size.profile)?);
    command.env_clear().envs(variables.iter().copied());
    Ok(command)
}

fn on_disk(size: Size) -> Run<[f64; 3]> {
    Box::new(move |_| {
        let megabytes = |name| -> anyhow::Result<f64> {
            let bytes = fs::metadata(binaries::path(name, size.profile)?)?.len();
            #[expect(clippy::cast_precision_loss, reason = "a file is not that large")]
            Ok(bytes as f64 / 1e6)
        };
        Ok([
            megabytes("web")?,
            megabytes("worker")?,
            megabytes("migration")?,
        ])
    })
}
