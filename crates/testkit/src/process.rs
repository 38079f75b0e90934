//! Runs the workspace's binaries as child processes: they get only the given environment, are read
//! line by line, and can be signalled and killed.

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

/// A stopped process, which continues when this is dropped.
#[derive(Debug)]
pub struct Frozen(Pid);

impl Frozen {
    /// Stops the process with this id.
    ///
    /// # Panics
    /// If it cannot be signalled.
    pub fn process(id: i32) -> Self {
        let pid = Pid::from_raw(id).expect("a process id");
        kill_process(pid, Signal::STOP).expect("a process that can be stopped");
        Self(pid)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        // The process may have been killed meanwhile.
        let _ = kill_process(self.0, Signal::CONT);
    }
}

/// How often to check whether a process has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// A running binary of the workspace. It is killed when this is dropped, or when this process ends
/// in any way, even by SIGKILL.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    /// A shell that waits for the end of this process. It is dismissed once the child has ended,
    /// because the child's id may then belong to another process.
    watchdog: Option<Child>,
    status: Option<ExitStatus>,
    lines: Lines,
    folder: TempDir,
}

impl Process {
    /// Builds ([`binary()`]) and starts a binary of the workspace, with these arguments and only
    /// these environment variables. Its working directory is empty, so that it finds no `.env`.
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

    /// As [`Process::start`] without arguments, for a process that writes too much to keep: its
    /// output goes into a file and not to [`Process::lines`].
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

    /// Starts any command in the same way, except that the caller sets its environment.
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

    /// The name of its binary.
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

    /// Its lines so far on stdout and stderr, in the order in which they were read.
    pub fn lines(&self) -> Vec<String> {
        self.lines.so_far()
    }

    /// The first line for which `is_it` holds, whether it is already written or still to come.
    ///
    /// # Panics
    /// If there is none within `patience`, or the process ends without it. The message has the
    /// process's lines.
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

    /// Sends a signal. Does nothing if the process has ended.
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

    /// Waits for its end.
    ///
    /// # Panics
    /// If it still runs after `patience`. The message has the process's lines.
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
        // Before waiting for the child, while its id cannot be reused.
        self.dismiss_watchdog();
        let _ = self.child.wait();
    }
}

/// The kernel closes the shell's stdin when this process ends in any way.
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
    // A separate process group, so that it survives Ctrl-C in the terminal.
    shell.process_group(0).spawn().expect("/bin/sh starts")
}

/// A TCP port on 127.0.0.1 that was free a moment ago. Prefer port 0 if the test can learn the real
/// port, because another process may take this one first.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener
        .local_addr()
        .expect("a bound listener has an address")
        .port()
}
