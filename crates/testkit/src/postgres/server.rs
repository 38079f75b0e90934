//! A server that one test owns.

use std::path::Path;

use super::{
    admin, clock,
    data_folder::Durability,
    postmaster::{Postmaster, StopMode},
    programs::Programs,
};
use crate::tls::Certificate;

/// How many ports are tried, in case another process takes the free one first.
const PORTS_TRIED: usize = 5;

/// A PostgreSQL server for one test, which may stop, crash and restart it.
///
/// It listens on TCP, as a server in production does, so that a client meets the same errors while
/// it is down, and a proxy can stand in between. Its port and password stay the same, and so do its
/// URLs. All functions block.
#[derive(Debug)]
pub struct Server {
    postmaster: Postmaster,
    port: u16,
    password: String,
}

impl Server {
    /// Starts one. `None` if PostgreSQL's programs are not found. `TEST_DATABASE_URL` is no
    /// substitute, because tests must not stop that server.
    ///
    /// # Panics
    /// If it does not start, and if there is none under `REQUIRE_POSTGRES=1`.
    pub fn start() -> Option<Self> {
        Self::start_as(Durability::Hasty, None)
    }

    /// Starts one whose clock can be set ([`set_clock`](Self::set_clock)). `None` also if
    /// libfaketime is not installed.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn start_with_clock() -> Option<Self> {
        Self::start_as(Durability::Hasty, Some(&clock::library()?))
    }

    /// Starts one with PostgreSQL's defaults and on the disk, for measurements.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn start_durable() -> Option<Self> {
        Self::start_as(Durability::Default, None)
    }

    fn start_as(durability: Durability, faketime: Option<&Path>) -> Option<Self> {
        let programs = Programs::find()?;
        let mut attempts = (0..PORTS_TRIED).map(|_| {
            let port = crate::process::free_port();
            let started = Postmaster::start(programs, Some(port), durability, faketime);
            (port, started)
        });
        let is_settled = |(_, started): &(u16, std::io::Result<Postmaster>)| match started {
            Ok(_) => true,
            Err(error) => !error.to_string().contains("Address already in use"),
        };
        let (port, started) = attempts.find(is_settled).expect("a port that stays free");
        let postmaster = started.expect("a PostgreSQL server for one test");
        let password = uuid::Uuid::new_v4().simple().to_string();
        let server = Self {
            postmaster,
            port,
            password,
        };
        server.set_password();
        Some(server)
    }

    /// The URL of a database. `postgres` exists and is empty.
    pub fn url(&self, database: &str) -> String {
        let Self { port, password, .. } = self;
        format!("postgres://postgres:{password}@127.0.0.1:{port}/{database}")
    }

    /// Creates an empty database and returns its URL.
    pub fn create_database(&self, name: &str) -> String {
        self.execute(format!("CREATE DATABASE {name}"));
        self.url(name)
    }

    /// Restarts it with a certificate. Then it speaks TLS with clients that ask for it.
    pub fn speak_tls(&mut self, certificate: &Certificate) {
        let files = [
            ("server.crt", &certificate.certificate),
            ("server.key", &certificate.key),
        ];
        for (name, content) in files {
            let written = self.postmaster.write_private(name, content);
            written.expect("PostgreSQL's data folder takes a file");
        }
        self.execute("ALTER SYSTEM SET ssl = on".to_owned());
        self.restart(StopMode::Fast);
    }

    /// Sets its clock this many seconds ahead, or back if negative. It must have been started by
    /// [`start_with_clock`](Self::start_with_clock).
    pub fn set_clock(&self, seconds: i64) {
        self.postmaster.set_clock(seconds).expect("a file of ours");
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.postmaster.log()
    }

    /// Stops it, and returns when it has ended.
    pub fn stop(&mut self, mode: StopMode) {
        self.postmaster.stop(mode).expect("PostgreSQL stops");
    }

    /// Starts it after [`Server::stop`], and returns when it accepts connections.
    pub fn start_again(&mut self) {
        self.postmaster
            .start_again()
            .expect("PostgreSQL starts again");
    }

    /// Stops it and starts it again.
    pub fn restart(&mut self, mode: StopMode) {
        self.stop(mode);
        self.start_again();
    }

    /// It needs a password, because other users of the machine can reach a TCP port.
    fn set_password(&self) {
        self.execute(format!("ALTER ROLE postgres PASSWORD '{}'", self.password));
    }

    fn execute(&self, statement: String) {
        let result = admin::block_on(admin::execute(&self.postmaster.socket_url(), &[statement]));
        result.expect("PostgreSQL does what it is asked");
    }
}
