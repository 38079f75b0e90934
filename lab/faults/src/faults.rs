//! Causes the faults.

mod clients;
mod database;

use std::{
    sync::atomic::AtomicI64,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use bare_testkit::{postgres::StopMode, process::Signal};
use rand::{RngExt as _, rngs::StdRng, seq::IndexedRandom as _};

use crate::{
    journal::{Fault, Journal},
    kind::Kind,
    load::Users,
    poison::Poison,
    process::Place,
    service::{LEASE, Service, TWO_BEATS, terminate},
    watch::Watch,
};

/// How long a process may take to end after SIGKILL, on a slow machine.
const KILL_PATIENCE: Duration = Duration::from_secs(30);

/// The part of the run that causes faults.
pub(crate) struct Culprit<'a> {
    pub(crate) service: &'a Service,
    pub(crate) journal: &'a Journal,
    pub(crate) watch: &'a Watch,
    pub(crate) poison: &'a Poison,
    pub(crate) users: &'a Users,
    /// How many seconds PostgreSQL's clock is ahead.
    pub(crate) clock: AtomicI64,
    pub(crate) outage: Duration,
}

impl Culprit<'_> {
    /// Causes a fault, and returns when it is over.
    pub(crate) async fn cause(&self, kind: Kind, rng: &mut StdRng) -> anyhow::Result<()> {
        let from = Instant::now();
        let (victims, note) = match kind {
            Kind::Kill => self.kill(one_of(&self.service.workers, rng)).await?,
            Kind::Web => self.kill(one_of(&self.service.webs, rng)).await?,
            Kind::Term => {
                let worker = self.worker(rng).await;
                self.term(worker).await?
            }
            Kind::Stop => {
                let beyond = Duration::from_millis(rng.random_range(0..3000));
                let worker = self.worker(rng).await;
                self.stop(worker, LEASE + TWO_BEATS + beyond).await
            }
            Kind::Terminate => self.terminate(rng).await?,
            Kind::Restart => {
                self.cut_off(StopMode::Immediate, Duration::ZERO).await?;
                (
                    Vec::new(),
                    "PostgreSQL crashed and was restarted".to_owned(),
                )
            }
            Kind::Outage => {
                let modes = [StopMode::Immediate, StopMode::Fast];
                let mode = modes[rng.random_range(0..modes.len())];
                self.cut_off(mode, self.outage).await?;
                (Vec::new(), format!("PostgreSQL was away ({mode:?} stop)"))
            }
            Kind::Poison => {
                let count = self.poison.add(&self.service.database_url).await?;
                (Vec::new(), format!("{count} jobs that cannot be run"))
            }
            Kind::Leave => (Vec::new(), self.leave(rng).await),
            Kind::Freeze => self.freeze(rng).await?,
            Kind::Lock => (Vec::new(), self.lock().await?),
            Kind::Clock => (Vec::new(), self.jump(rng).await),
            Kind::Idle => (Vec::new(), self.idle(rng).await),
            Kind::ReadOnly => (Vec::new(), self.read_only().await?),
            Kind::Defaults => (Vec::new(), self.defaults().await?),
            Kind::Roll => self.roll(rng).await?,
        };
        let fault = Fault {
            kind,
            from,
            until: Instant::now(),
            victims,
        };
        self.journal.record(fault, &note);
        Ok(())
    }

    /// One of the workers, once it is up: while it starts, SIGTERM would kill it.
    async fn worker(&self, rng: &mut StdRng) -> &Place {
        let place = one_of(&self.service.workers, rng);
        self.watch.wait_for(&place.start_name()).await;
        place
    }

    async fn kill(&self, place: &Place) -> anyhow::Result<(Vec<String>, String)> {
        let name = place.start_name();
        let at = Instant::now();
        let ended = place.end(Signal::KILL, KILL_PATIENCE).await;
        ended.with_context(|| format!("{name} outlives SIGKILL"))?;
        self.watch.died(&name, at);
        place.start()?;
        let note = format!("kill -9 of {name}");
        Ok((vec![name], note))
    }

    async fn term(&self, place: &Place) -> anyhow::Result<(Vec<String>, String)> {
        let name = place.start_name();
        let note = match terminate(place).await {
            Ok(took) => format!("SIGTERM to {name}, ended after {:.2} s", took.as_secs_f64()),
            Err(error) => {
                self.journal.broke(error.to_string());
                format!("SIGTERM to {name}")
            }
        };
        place.start()?;
        Ok((vec![name], note))
    }

    async fn stop(&self, place: &Place, time: Duration) -> (Vec<String>, String) {
        let name = place.start_name();
        place.signal(Signal::STOP);
        tokio::time::sleep(time).await;
        place.signal(Signal::CONT);
        let note = format!("{name} was stopped");
        (vec![name], note)
    }
}

fn one_of<'a>(places: &'a [Place], rng: &mut StdRng) -> &'a Place {
    places.choose(rng).expect("there is one")
}
