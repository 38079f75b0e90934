//! A run from its start to its verdict.

use std::{
    fs,
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use bare_testkit::postgres::Server;

use crate::{
    checker::{Evidence, Verdict},
    drain, driver,
    faults::Culprit,
    journal::Journal,
    kind::Kind,
    load::Load,
    mailbox::Mailbox,
    options::Options,
    poison::Poison,
    report,
    service::Service,
    watch::Watch,
};

/// How often mails are fetched and memory is measured.
const COLLECT_INTERVAL: Duration = Duration::from_millis(500);

/// Runs, prints the result, and returns whether every promise held. If one did not, the processes'
/// logs are kept.
pub(crate) async fn run(options: &Options) -> anyhow::Result<bool> {
    let seed = options.seed();
    let folder = tempfile::Builder::new().prefix("faults-").tempdir();
    // Keep the logs from now on, because this process may be killed.
    let logs = folder.context("no temporary folder")?.keep();
    println!(
        "seed {seed}; {} users a second; PostgreSQL without fsync, so that what is tried is a crash \
         of its processes and not of the machine; logs in {}",
        options.rate,
        logs.display()
    );
    let journal = Journal::start();
    let (server, kinds) = server(options.kinds())?;
    let service = Service::start(server, &logs, options.workers()).await?;
    let evidence = try_out(&service, &journal, options, &kinds, seed).await?;
    let verdict = Verdict::of(&evidence);
    let holds = report::print(&evidence, &verdict, &journal, &logs);
    drop(service);
    if holds {
        fs::remove_dir_all(&logs).context("the logs cannot be removed")?;
    }
    Ok(holds)
}

/// PostgreSQL, and the kinds of faults that can be caused on this machine.
fn server(mut kinds: Vec<Kind>) -> anyhow::Result<(Server, Vec<Kind>)> {
    if kinds.contains(&Kind::Clock) {
        if let Some(server) = Server::start_with_clock() {
            return Ok((server, kinds));
        }
        println!("clock is left out: libfaketime is not installed (.ci/install libfaketime)");
        kinds.retain(|kind| *kind != Kind::Clock);
    }
    ensure!(!kinds.is_empty(), "there is nothing to break");
    let server = Server::start().context("PostgreSQL's server programs were not found")?;
    Ok((server, kinds))
}

async fn try_out(
    service: &Service,
    journal: &Journal,
    options: &Options,
    kinds: &[Kind],
    seed: u64,
) -> anyhow::Result<Evidence> {
    let (mailbox, poison) = (Mailbox::default(), Poison::default());
    let watch = Watch::start(&service.database_url);
    let load = Load::start(&service.addresses, options.rate);
    let (webs, workers) = (service.webs.len(), service.workers.len());
    journal.say(&format!(
        "{webs} webs and {workers} workers are up, and users order"
    ));
    let culprit = Culprit {
        service,
        journal,
        watch: &watch,
        poison: &poison,
        users: &load.users.clone(),
        clock: AtomicI64::default(),
        outage: options.outage(),
    };
    let web_memory = AtomicU64::default();
    let course = async {
        driver::drive(&culprit, options, kinds, seed).await?;
        journal.say("no more faults, and no more orders");
        let orders = load.stop().await?;
        drain::wait(service, &mailbox, journal).await?;
        anyhow::Ok(orders)
    };
    let orders = tokio::select! {
        orders = course => orders?,
        error = service.watch_processes(journal) => return Err(error),
        never = collect(service, &mailbox, &web_memory) => match never {},
    };
    service.stop(journal).await;
    mailbox.collect(&service.smtp);
    let mut arrivals = mailbox.arrivals();
    arrivals.sort_by_key(|arrival| arrival.at);
    Ok(Evidence {
        orders,
        arrivals,
        strange: mailbox.strange(),
        faults: journal.faults(),
        broken: journal.broken(),
        sight: watch.sight(),
        remains: drain::remains(&service.database_url, &poison).await?,
        poison: poison.count(),
        connections: service.connections(),
        web_memory: web_memory.into_inner(),
    })
}

async fn collect(
    service: &Service,
    mailbox: &Mailbox,
    web_memory: &AtomicU64,
) -> std::convert::Infallible {
    loop {
        mailbox.collect(&service.smtp);
        web_memory.fetch_max(service.web_memory(), Ordering::Relaxed);
        tokio::time::sleep(COLLECT_INTERVAL).await;
    }
}
