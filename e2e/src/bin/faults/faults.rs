//! How each fault is caused.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use e2e::{postgres::StopMode, process::Signal};
use rand::{
    RngExt as _,
    rngs::StdRng,
    seq::{IndexedRandom as _, SliceRandom as _},
};
use sqlx::{Connection as _, PgConnection};

use crate::{
    journal::{Fault, Journal},
    kind::Kind,
    poison::Poison,
    process::Place,
    service::{LEASE, Service, TWO_BEATS, terminate},
    watch::Watch,
};

/// How long a process may take to be gone after SIGKILL, on a slow machine.
const KILL_PATIENCE: Duration = Duration::from_secs(30);

/// At the most so many sessions are terminated at once.
const SESSIONS: usize = 4;

/// Who causes faults.
pub(crate) struct Culprit<'a> {
    pub(crate) service: &'a Service,
    pub(crate) journal: &'a Journal,
    pub(crate) watch: &'a Watch,
    pub(crate) poison: &'a Poison,
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

    /// One of the workers, when it is up: one that is still starting ends as the system sees fit.
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

    async fn terminate(&self, rng: &mut StdRng) -> anyhow::Result<(Vec<String>, String)> {
        let mut connection = PgConnection::connect(&self.service.database_url).await?;
        let sql = "SELECT pid, usename::text FROM pg_stat_activity WHERE usename ~ '^(web|worker)_' ORDER BY pid";
        let mut sessions: Vec<(i32, String)> =
            sqlx::query_as(sql).fetch_all(&mut connection).await?;
        sessions.shuffle(rng);
        sessions.truncate(rng.random_range(1..=SESSIONS));
        for (pid, _) in &sessions {
            let query = sqlx::query("SELECT pg_terminate_backend($1)").bind(pid);
            query.execute(&mut connection).await?;
        }
        connection.close().await?;
        let places = self.service.places().filter(|place| {
            let role = place.name.replace('-', "_");
            sessions.iter().any(|(_, user)| *user == role)
        });
        let victims: Vec<String> = places.map(Place::start_name).collect();
        let note = format!("{} sessions of {}", sessions.len(), victims.join(", "));
        Ok((victims, note))
    }

    async fn cut_off(&self, mode: StopMode, time: Duration) -> anyhow::Result<()> {
        let server = Arc::clone(&self.service.server);
        let cut_off = move || {
            let mut server = server.lock().unwrap();
            server.stop(mode);
            std::thread::sleep(time);
            server.start_again();
        };
        Ok(tokio::task::spawn_blocking(cut_off).await?)
    }
}

fn one_of<'a>(places: &'a [Place], rng: &mut StdRng) -> &'a Place {
    places.choose(rng).expect("there is one")
}
