//! A place in the service and its current process. Its starts are numbered, and each has a name
//! (`worker-1.7`) that its mail, its log and its row in the database have.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::ExitStatus,
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use bare_testkit::process::{Process, Signal};

/// How often to check whether a process has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// A place for a process.
#[derive(Debug)]
pub(crate) struct Place {
    /// `web-1`, `worker-2`
    pub(crate) name: String,
    binary: &'static str,
    variables: Vec<(&'static str, String)>,
    logs: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    starts: u32,
    process: Option<Process>,
    /// Whether its end is expected.
    is_ending: bool,
}

impl Place {
    /// An empty place.
    pub(crate) fn new(
        name: String,
        binary: &'static str,
        variables: Vec<(&'static str, String)>,
        logs: PathBuf,
    ) -> Self {
        Self {
            name,
            binary,
            variables,
            logs,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The name of the current start.
    pub(crate) fn start_name(&self) -> String {
        self.name_of(self.state().starts)
    }

    fn name_of(&self, start: u32) -> String {
        format!("{}.{start}", self.name)
    }

    /// Starts a process there. The previous one has ended.
    pub(crate) fn start(&self) -> anyhow::Result<()> {
        let mut state = self.state();
        state.starts += 1;
        let name = self.name_of(state.starts);
        let file = self.logs.join(format!("{name}.log"));
        let log = File::create(&file).context("a log cannot be written")?;
        let from = format!("{name} <{name}@faults.example>");
        let own = [("DYNO", name.as_str()), ("MAIL_FROM", from.as_str())];
        let variables = self.variables.iter().map(|(key, it)| (*key, it.as_str()));
        state.process = Some(Process::start_into(
            &log,
            self.binary,
            variables.chain(own),
        )?);
        state.is_ending = false;
        Ok(())
    }

    /// Sends a signal that does not end it.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(process) = &mut self.state().process {
            process.signal(signal);
        }
    }

    /// Sends a signal that ends it, and waits for its end. `None` if it has not ended within
    /// `patience`. From then on its end is expected.
    pub(crate) async fn end(&self, signal: Signal, patience: Duration) -> Option<ExitStatus> {
        self.state().is_ending = true;
        self.signal(signal);
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.exit_status() {
                return Some(status);
            }
            if Instant::now() > deadline {
                return None;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// How many bytes of memory its process has now. `None` if there is no process or no `/proc`.
    pub(crate) fn memory(&self) -> Option<u64> {
        let id = self.state().process.as_ref()?.id();
        let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kilobytes * 1024)
    }

    fn exit_status(&self) -> Option<ExitStatus> {
        self.state().process.as_mut()?.exit_status()
    }

    /// Its exit status, if it ended unexpectedly.
    pub(crate) fn ended_unasked(&self) -> Option<ExitStatus> {
        let mut state = self.state();
        if state.is_ending {
            return None;
        }
        state.process.as_mut()?.exit_status()
    }
}
