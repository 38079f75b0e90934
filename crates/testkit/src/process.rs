//! The workspace's binaries as child processes: started with nothing but the given environment,
//! watched line by line, signalled and killed for real.

mod binary;
mod lines;

use std::{
    fs::File,
    io,
    net::TcpListener,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, kill_process};
use tempfile::TempDir;

use lines::Lines;

pub use binary::{binary, cargo};
pub use rustix::process::Signal;

/// Stops another process, which goes on when this is dropped.
#[derive(Debug)]
pub struct Frozen(Pid);

impl Frozen {
    /// Stops the process with this id.
    ///
    /// # Panics
    /// Where it cannot be signalled.
    pub fn process(id: i32) -> Self {
        let pid = Pid::from_raw(id).expect("a process id");
        kill_process(pid, Signal::STOP).expect("a process that can be stopped");
        Self(pid)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        // It may have been killed meanwhile.
        let _ = kill_process(self.0, Signal::CONT);
    }
}

/// How often an ending process is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// A running binary of the workspace. It is killed when it is dropped, and when this process ends
/// in any other way, by SIGKILL too.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    /// A shell that waits for the end of this process; gone once the child has ended, whose id may
    /// be another process's then.
    watchdog: Option<Child>,
    status: Option<ExitStatus>,
    lines: Lines,
    folder: TempDir,
}

impl Process {
    /// Starts a binary of the workspace, built first ([`binary()`]), with these arguments and no
    /// other environment variable than these. Its working directory is empty, so that no `.env` is
    /// found.
    pub fn start<'a>(
        name: &str,
        arguments: impl IntoIterator<Item = &'a str>,
        variables: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        Self::spawn(
            name,
            Command::new(binary(name))
                .args(arguments)
                .env_clear()
                .envs(variables),
        )
    }

    /// As [`Process::start`] without arguments, for a process that writes too much to keep: it goes
    /// into a file, and [`Process::lines`] has none of it.
    pub fn start_into<'a>(
        log: &File,
        name: &str,
        variables: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> io::Result<Self> {
        let mut command = Command::new(binary(name));
        command.env_clear().envs(variables);
        command.stdout(log.try_clone()?).stderr(log.try_clone()?);
        Ok(Self::run(name, &mut command))
    }

    /// Starts any command in the same way, but for its environment, which is the caller's matter.
    pub fn spawn(name: &str, command: &mut Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Self::run(name, command);
        let Child { stdout, stderr, .. } = &mut process.child;
        process.lines.read(stdout.take().expect("stdout is piped"));
        process.lines.read(stderr.take().expect("stderr is piped"));
        process
    }

    fn run(name: &str, command: &mut Command) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        command.current_dir(folder.path()).stdin(Stdio::null());
        let child = command.spawn().expect("it starts");
        let watchdog = Some(watch(&child));
        Self {
            name: name.to_owned(),
            child,
            watchdog,
            status: None,
            lines: Lines::default(),
            folder,
        }
    }

    /// The binary that it runs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its working directory, removed when it is dropped.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it has written so far to stdout and stderr, in the order in which it was read.
    pub fn lines(&self) -> Vec<String> {
        self.lines.so_far()
    }

    /// The first line that it has written or will write for which `is_it` holds.
    ///
    /// # Panics
    /// Where none has come within `patience`, or the process has ended without one; with the lines
    /// that it did write.
    pub async fn wait_for_line(&self, is_it: impl Fn(&str) -> bool, patience: Duration) -> String {
        let found = tokio::time::timeout(patience, self.lines.find(is_it)).await;
        let why = match found {
            Ok(Some(line)) => return line,
            Ok(None) => "ended without the line".to_owned(),
            Err(_) => format!("did not write the line within {patience:?}"),
        };
        panic!(
            "{} {why}; it wrote:\n{}",
            self.name,
            self.lines().join("\n")
        );
    }

    /// Sends a signal. Nothing happens where the process has ended.
    pub fn signal(&mut self, signal: Signal) {
        if self.exit_status().is_none() {
            let sent = kill_process(Pid::from_child(&self.child), signal);
            sent.unwrap_or_else(|error| panic!("{signal:?} to {}: {error}", self.name));
        }
    }

    /// Its exit status, if it has ended.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().expect("a child can be waited for");
            if self.status.is_some() {
                self.dismiss_watchdog();
            }
        }
        self.status
    }

    /// Awaits its end.
    ///
    /// # Panics
    /// Where it still runs after `patience`; with the lines that it wrote.
    pub async fn wait(&mut self, patience: Duration) -> ExitStatus {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.exit_status() {
                self.lines.end().await;
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "{} still runs after {patience:?}; it wrote:\n{}",
                self.name,
                self.lines().join("\n")
            );
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    fn dismiss_watchdog(&mut self) {
        if let Some(mut watchdog) = self.watchdog.take() {
            let _ = watchdog.kill();
            let _ = watchdog.wait();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        // Before the child is waited for, while its id is still its own.
        self.dismiss_watchdog();
        let _ = self.child.wait();
    }
}

/// The kernel closes the shell's stdin when this process ends, however it ends.
fn watch(child: &Child) -> Child {
    let mut shell = Command::new("/bin/sh");
    shell.args([
        "-c",
        "read -r _; kill -s KILL \"$1\"",
        "watchdog",
        &child.id().to_string(),
    ]);
    shell
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // Ctrl-C in the terminal reaches every process of a group, and this one has to outlive it.
    shell.process_group(0).spawn().expect("/bin/sh starts")
}

/// A TCP port on 127.0.0.1 that nobody listened on a moment ago. Prefer port 0 where a test can
/// learn which port it became: somebody else may take this one first.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener
        .local_addr()
        .expect("a bound listener has an address")
        .port()
}
