//! Faults of PostgreSQL.

use std::{sync::Arc, sync::atomic::Ordering, time::Duration};

use bare_testkit::postgres::StopMode;
use rand::{
    RngExt as _,
    rngs::StdRng,
    seq::{IndexedRandom as _, SliceRandom as _},
};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::time::sleep;

use super::Culprit;
use crate::{process::Place, service::role};

/// The maximum number of sessions that are terminated at once.
const SESSIONS: usize = 4;

/// The process of a session, and its role.
type Session = (i32, String);

const OF_SERVICE: &str =
    "SELECT pid, usename::text FROM pg_stat_activity WHERE usename ~ '^(web|worker)_' ORDER BY pid";

/// The sessions that claimed last.
const CLAIMS: &str = "
SELECT pid, usename::text FROM pg_stat_activity
WHERE usename ~ '^worker_' AND query LIKE '%SET state = ''running''%' ORDER BY pid";

/// How long sessions are frozen: the service gives its own statements 5 s, and polls again after
/// some heartbeats.
const FROZEN: Duration = Duration::from_secs(14);

/// How long the other claiming sessions are frozen, before and after the frozen ones continue.
const FIRST: Duration = Duration::from_millis(500);

/// How long the table is locked, and how long taking the lock may take.
const LOCKED: Duration = Duration::from_secs(30);
const LOCK: &str = "BEGIN; SET LOCAL lock_timeout = '10s'; LOCK TABLE job IN ACCESS EXCLUSIVE MODE";

/// How long every transaction is read-only.
const READ_ONLY: Duration = Duration::from_mins(1);

/// Defaults of a role that a service may meet: statements are written for another isolation, and may
/// take longer.
const DEFAULTS: [&str; 4] = [
    "default_transaction_isolation = 'serializable'",
    "statement_timeout = '2s'",
    "lock_timeout = '500ms'",
    "idle_in_transaction_session_timeout = '1s'",
];

/// How long the roles have them.
const DEFAULTS_FOR: Duration = Duration::from_secs(20);

/// How far the clock jumps ahead, for how long, and how far it jumps back, in seconds.
const AHEAD: i64 = 2 * 60 * 60;
const AHEAD_FOR: Duration = Duration::from_secs(6);
const BACK: i64 = 60;

impl Culprit<'_> {
    pub(super) async fn terminate(
        &self,
        rng: &mut StdRng,
    ) -> anyhow::Result<(Vec<String>, String)> {
        let mut connection = PgConnection::connect(&self.service.database_url).await?;
        let mut sessions = sessions(&mut connection, OF_SERVICE).await?;
        sessions.shuffle(rng);
        sessions.truncate(rng.random_range(1..=SESSIONS));
        for (pid, _) in &sessions {
            let query = sqlx::query("SELECT pg_terminate_backend($1)").bind(pid);
            query.execute(&mut connection).await?;
        }
        connection.close().await?;
        let victims = self.whose(&sessions);
        let note = format!("{} sessions of {}", sessions.len(), victims.join(", "));
        Ok((victims, note))
    }

    /// Freezes one session that claims, and any other. The frozen claim is executed long after its
    /// worker has given it up, and before other claims have taken all jobs.
    pub(super) async fn freeze(&self, rng: &mut StdRng) -> anyhow::Result<(Vec<String>, String)> {
        let mut connection = PgConnection::connect(&self.service.database_url).await?;
        let claims = sessions(&mut connection, CLAIMS).await?;
        let all = sessions(&mut connection, OF_SERVICE).await?;
        let chosen: Vec<Session> = [claims.choose(rng), all.choose(rng)]
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        let pids: Vec<i32> = chosen.iter().map(|(pid, _)| *pid).collect();
        self.watch.leave_out(&pids);
        let frozen: Vec<Frozen> = pids.iter().map(|pid| Frozen::freeze(*pid)).collect();
        sleep(FROZEN).await;
        let others = sessions(&mut connection, CLAIMS).await?;
        let others = others.iter().filter(|(pid, _)| !pids.contains(pid));
        let others: Vec<Frozen> = others.map(|(pid, _)| Frozen::freeze(*pid)).collect();
        sleep(FIRST).await;
        drop(frozen);
        sleep(FIRST).await;
        drop(others);
        connection.close().await?;
        let victims = self.whose(&chosen);
        let note = format!("2 sessions of {} were frozen", victims.join(", "));
        Ok((victims, note))
    }

    pub(super) async fn lock(&self) -> anyhow::Result<String> {
        let mut connection = PgConnection::connect(&self.service.database_url).await?;
        let note = match sqlx::raw_sql(LOCK).execute(&mut connection).await {
            Ok(_) => {
                sleep(LOCKED).await;
                "the table job was locked"
            }
            Err(_) => "the table job could not be locked",
        };
        connection.close().await?;
        Ok(note.to_owned())
    }

    pub(super) async fn read_only(&self) -> anyhow::Result<String> {
        let change = async |to: &'static str| {
            let mut connection = PgConnection::connect(&self.service.database_url).await?;
            for sql in [to, "SELECT pg_reload_conf()"] {
                sqlx::query(sql).execute(&mut connection).await?;
            }
            connection.close().await
        };
        change("ALTER SYSTEM SET default_transaction_read_only = on").await?;
        sleep(READ_ONLY).await;
        change("ALTER SYSTEM RESET default_transaction_read_only").await?;
        Ok("every transaction was read-only".to_owned())
    }

    pub(super) async fn defaults(&self) -> anyhow::Result<String> {
        let mut connection = PgConnection::connect(&self.service.database_url).await?;
        let roles = self.service.places().map(|place| role(&place.name));
        let roles: Vec<String> = roles.collect();
        let to_all = |change: &str| {
            let changes = roles
                .iter()
                .map(|role| format!("ALTER ROLE {role} {change};"));
            changes.collect::<String>()
        };
        let set = DEFAULTS.map(|default| to_all(&format!("SET {default}")));
        for (changes, time) in [
            (set.concat(), DEFAULTS_FOR),
            (to_all("RESET ALL"), Duration::ZERO),
        ] {
            sqlx::raw_sql(AssertSqlSafe(changes))
                .execute(&mut connection)
                .await?;
            for (pid, _) in sessions(&mut connection, OF_SERVICE).await? {
                let query = sqlx::query("SELECT pg_terminate_backend($1)").bind(pid);
                query.execute(&mut connection).await?;
            }
            sleep(time).await;
        }
        connection.close().await?;
        Ok("the roles had other defaults".to_owned())
    }

    /// Sets the clock ahead for a while, or back permanently.
    pub(super) async fn jump(&self, rng: &mut StdRng) -> String {
        let right = self.clock.load(Ordering::Relaxed);
        if rng.random_bool(0.5) {
            self.set_clock(right + AHEAD);
            sleep(AHEAD_FOR).await;
            self.set_clock(right);
            return "the clock was 2 h ahead".to_owned();
        }
        self.set_clock(right - BACK);
        "the clock was set back by a minute".to_owned()
    }

    fn set_clock(&self, seconds: i64) {
        self.clock.store(seconds, Ordering::Relaxed);
        self.service.server.lock().unwrap().set_clock(seconds);
    }

    pub(super) async fn cut_off(&self, mode: StopMode, time: Duration) -> anyhow::Result<()> {
        let server = Arc::clone(&self.service.server);
        let cut_off = move || {
            let mut server = server.lock().unwrap();
            server.stop(mode);
            std::thread::sleep(time);
            server.start_again();
        };
        Ok(tokio::task::spawn_blocking(cut_off).await?)
    }

    /// The processes whose sessions these are.
    fn whose(&self, sessions: &[Session]) -> Vec<String> {
        let places = self.service.places().filter(|place| {
            let role = role(&place.name);
            sessions.iter().any(|(_, user)| *user == role)
        });
        places.map(Place::start_name).collect()
    }
}

async fn sessions(
    connection: &mut PgConnection,
    which: &'static str,
) -> sqlx::Result<Vec<Session>> {
    sqlx::query_as(which).fetch_all(connection).await
}

/// A process that is stopped until this is dropped.
struct Frozen(Option<Pid>);

impl Frozen {
    fn freeze(pid: i32) -> Self {
        let frozen = Self(Pid::from_raw(pid));
        frozen.signal(Signal::STOP);
        frozen
    }

    /// Best effort: the session may have ended meanwhile.
    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.0 {
            let _ = kill_process(pid, signal);
        }
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.signal(Signal::CONT);
    }
}
