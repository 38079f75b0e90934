//! `cargo faults --disk`: a service on SQLite whose disk is full now and then. The disk is a small
//! file system in memory that only this process and its children see, and that ends with them.

use std::{
    env, fs,
    io::{self, Write as _},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use bare_queue::entities::job;
use bare_testkit::{process::free_port, smtp::SmtpServer};
use sea_orm::{EntityTrait as _, PaginatorTrait as _};
use tokio::time::sleep;

use crate::{
    journal::Journal,
    load::{Answer, Load, Order},
    mailbox::Mailbox,
    options::Options,
    process::Place,
    report::Table,
    service::{self, GRACE},
};

/// Set in the process in the private namespace.
const INSIDE: &str = "FAULTS_INSIDE";

/// The size of the disk, in bytes. It has room for half an hour of orders.
const SIZE: u64 = 128 << 20;

/// How often it is full, for how long, and how long there is room in between.
const ROUNDS: u32 = 3;
const FULL: Duration = Duration::from_secs(10);
const ROOM: Duration = Duration::from_secs(10);

/// In the last seconds of each time with room, almost all orders must be served.
const WINDOW: Duration = Duration::from_secs(3);

/// How long to wait for the last job. Some jobs wait for their next attempt.
const PATIENCE: Duration = Duration::from_mins(3);

/// How long a process may take to answer.
const STARTUP_PATIENCE: Duration = Duration::from_mins(1);

const INTERVAL: Duration = Duration::from_millis(100);

/// Runs, prints the result, and returns whether every promise held.
pub(crate) async fn run(options: &Options) -> anyhow::Result<bool> {
    if env::var_os(INSIDE).is_none() {
        return enter_namespace();
    }
    let folder = tempfile::Builder::new().prefix("faults-").tempdir();
    let logs = folder.context("no temporary folder")?.keep();
    let disk = logs.join("disk");
    fs::create_dir(&disk)?;
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", &format!("size={SIZE}"), "tmpfs"]);
    ensure!(mount.arg(&disk).status()?.success(), "no disk can be made");

    let table = try_out(options, &logs, &disk).await?;
    println!("{}\n", table.lines.join("\n"));
    if table.has_failed {
        println!(
            "Not every promise held. The logs of all processes: {}",
            logs.display()
        );
    } else {
        println!("Every promise held.");
        // The disk ends with this process.
        drop(fs::remove_dir_all(&logs));
    }
    Ok(!table.has_failed)
}

/// Runs the same command in a private mount namespace.
fn enter_namespace() -> anyhow::Result<bool> {
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    let inside = command.arg("--mount").arg(env::current_exe()?);
    let inside = inside.args(env::args_os().skip(1)).env(INSIDE, "1");
    let status = inside.status().context("unshare, of util-linux")?;
    Ok(status.success())
}

async fn try_out(options: &Options, logs: &Path, disk: &Path) -> anyhow::Result<Table> {
    let journal = Journal::start();
    let (smtp, mailbox) = (SmtpServer::start(), Mailbox::default());
    let url = format!("sqlite://{}/service.sqlite3", disk.display());
    let db = bare_testkit::connect(&url).await;
    fixture::SCHEMA.up(&db, None).await?;
    db.close().await?;
    let port = free_port();
    let address = format!("http://127.0.0.1:{port}");
    let common = [
        ("DATABASE_URL", url.clone()),
        ("SHUTDOWN_GRACE_SECONDS", GRACE.as_secs().to_string()),
    ];
    let of_web = [("HOST", "127.0.0.1".to_owned()), ("PORT", port.to_string())];
    let of_worker = [("SMTP_URL", smtp.url())];
    let place = |name: &str, binary, own: &[(&'static str, String)]| {
        let variables = [&common[..], own].concat();
        Place::new(name.to_owned(), binary, variables, logs.to_owned())
    };
    let web = place("web-1", "fixture-web", &of_web);
    let worker = place("worker-1", "fixture-worker", &of_worker);
    start(&web, &worker, &address).await?;

    let load = Load::start(std::slice::from_ref(&address), options.rate);
    let mut room = Vec::new();
    for _ in 0..ROUNDS {
        sleep(ROOM).await;
        fill(disk, &journal).await?;
        room.push(Instant::now() + ROOM);
    }
    sleep(ROOM).await;
    let orders = load.stop().await?;
    journal.say("no more orders, and all processes restart");
    // Rows that only the old processes saw are gone now.
    for place in [&web, &worker] {
        if let Err(error) = service::terminate(place).await {
            journal.broke(error.to_string());
        }
    }
    start(&web, &worker, &address).await?;
    let stuck = drain(&url, &smtp, &mailbox).await?;
    for place in [&web, &worker] {
        if let Err(error) = service::terminate(place).await {
            journal.broke(error.to_string());
        }
    }
    mailbox.collect(&smtp);

    let mut table = Table::default();
    let is_accepted = |it: &&Order| matches!(it.answer, Answer::Accepted(_));
    let accepted = orders.iter().filter(is_accepted).count();
    let mut came = vec![false; orders.len()];
    for arrival in mailbox.arrivals() {
        if let Some(came) = came.get_mut(arrival.user) {
            *came = true;
        }
    }
    let pairs = orders.iter().zip(&came);
    let lost = pairs
        .filter(|(it, came)| is_accepted(it) && !**came)
        .count();
    table.section("The full disk");
    table.tell("users who ordered, or tried to", &orders.len());
    table.tell("owed (answered 202)", &accepted);
    table.none("lost", lost);
    table.none("stuck", usize::try_from(stuck)?);
    for end in room {
        let users = orders
            .iter()
            .filter(|it| it.at < end && it.at + WINDOW > end);
        let (users, served) = (users.clone().count(), users.filter(is_accepted).count());
        let missed = users - served;
        table.at_most("not served although there was room", missed, users / 20, "");
    }
    table.none("exits that were late or failed", journal.broken().len());
    Ok(table)
}

/// Fills the disk for a while.
async fn fill(disk: &Path, journal: &Journal) -> anyhow::Result<()> {
    let ballast = disk.join("ballast");
    let mut file = fs::File::create(&ballast)?;
    let end = Instant::now() + FULL;
    journal.say("the disk is full");
    while Instant::now() < end {
        loop {
            // Down to the last page, because a smaller rest is not usable.
            match file.write(&[0; 4096]) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::StorageFull => break,
                Err(error) => bail!(error),
            }
        }
        sleep(INTERVAL).await;
    }
    fs::remove_file(ballast)?;
    journal.say("the disk has room again");
    Ok(())
}

async fn start(web: &Place, worker: &Place, address: &str) -> anyhow::Result<()> {
    web.start()?;
    worker.start()?;
    let client = reqwest::Client::new();
    let deadline = Instant::now() + STARTUP_PATIENCE;
    while client.get(address).send().await.is_err() {
        ensure!(Instant::now() < deadline, "web does not start");
        sleep(INTERVAL).await;
    }
    Ok(())
}

/// Waits for the last job, and returns how many are left.
async fn drain(url: &str, smtp: &SmtpServer, mailbox: &Mailbox) -> anyhow::Result<u64> {
    let db = bare_testkit::connect(url).await;
    let deadline = Instant::now() + PATIENCE;
    loop {
        mailbox.collect(smtp);
        let count = job::Entity::find().count(&db).await?;
        if count == 0 || Instant::now() > deadline {
            db.close().await?;
            return Ok(count);
        }
        sleep(INTERVAL).await;
    }
}
