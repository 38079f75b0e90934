//! A running PostgreSQL server in a temporary folder.
//!
//! Its parent is a shell that reads orders from a pipe of this process. When the pipe closes, which
//! the kernel does even after SIGKILL, the shell ends the server and removes the folder. So no exit
//! hook is needed, and nothing can skip it.

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Write as _},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use url::Url;

use super::{
    clock,
    data_folder::{self, Durability},
    programs::Programs,
};

/// How long a server may take to accept connections on a busy machine.
const STARTUP_PATIENCE: Duration = Duration::from_mins(1);

/// An order is `start` or the signal that stops the server. Each is answered when it is done.
const SUPERVISOR: &str = r#"
folder=$1
shift
postgres=
while read -r order; do
    if [ "$order" = start ]; then
        "$@" >>"$folder/log" 2>&1 &
        postgres=$!
    elif [ -n "$postgres" ]; then
        kill -s "$order" "$postgres"
        wait "$postgres"
        postgres=
    fi
    echo done
done
if [ -n "$postgres" ]; then
    kill -s QUIT "$postgres"
    wait "$postgres"
fi
rm -rf "$folder"
"#;

/// Settings of every server that differ from the defaults.
const SETTINGS: &[&str] = &["max_connections=300", "timezone=UTC"];

/// Additional settings if nothing has to survive a crash of the machine. `synchronous_commit` stays
/// on, so a commit is still a commit.
const HASTY_SETTINGS: &[&str] = &["fsync=off", "full_page_writes=off", "shared_buffers=64MB"];

/// PostgreSQL's default port. Without TCP it is only a part of the socket's name.
const SOCKET_PORT: u16 = 5432;

/// How PostgreSQL is stopped (`pg_ctl stop --mode`).
#[derive(Clone, Copy, Debug)]
pub enum StopMode {
    /// Rolls back open transactions, ends every connection with an error, writes everything out.
    Fast,
    /// Like a crash: every connection just ends, and the next start recovers from the log.
    Immediate,
}

/// The server, its supervisor and its folder. Dropping it ends all three before it returns.
#[derive(Debug)]
pub(super) struct Postmaster {
    programs: &'static Programs,
    folder: PathBuf,
    port: u16,
    supervisor: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Postmaster {
    /// Makes the folder, and starts a server that listens on a Unix socket in it and, with a port,
    /// on 127.0.0.1. Its clock can be set if libfaketime is given.
    pub(super) fn start(
        programs: &'static Programs,
        port: Option<u16>,
        durability: Durability,
        faketime: Option<&Path>,
    ) -> io::Result<Self> {
        let folder = data_folder::private_folder(programs, durability)?;
        let mut supervisor = supervise(programs, folder.path(), port, durability);
        if let Some(library) = faketime {
            clock::set(folder.path(), 0)?;
            clock::hand_over(&mut supervisor, library, folder.path());
        }
        let mut supervisor = supervisor.spawn()?;
        let mut postmaster = Self {
            programs,
            // From here on the supervisor removes it, even if it is not filled yet.
            folder: folder.keep(),
            port: port.unwrap_or(SOCKET_PORT),
            orders: supervisor.stdin.take(),
            answers: BufReader::new(supervisor.stdout.take().expect("stdout is piped")),
            supervisor,
        };
        data_folder::create(programs, &postmaster.folder.join("data"), durability)?;
        postmaster.start_again()?;
        Ok(postmaster)
    }

    /// The URL of the database `postgres` over the Unix socket, which needs no password.
    pub(super) fn socket_url(&self) -> Url {
        let Self { folder, port, .. } = self;
        let parameters = format!("port={port}&user=postgres&sslmode=disable");
        let url = format!(
            "postgres:///postgres?host={}&{parameters}",
            folder.display()
        );
        Url::parse(&url).expect("a folder's path fits into a URL")
    }

    /// Starts the server after a stop, and returns when it accepts connections.
    pub(super) fn start_again(&mut self) -> io::Result<()> {
        let earlier = self.log().len();
        self.order("start")?;
        let deadline = Instant::now() + STARTUP_PATIENCE;
        loop {
            let state = fs::read_to_string(self.folder.join("data/postmaster.pid"));
            if state
                .as_ref()
                .is_ok_and(|text| text.lines().any(|line| line.trim() == "ready"))
            {
                return Ok(());
            }
            let log = self.log().split_off(earlier);
            // While this file exists, a fatal line only means that a client connected too early.
            let has_failed = state.is_err() && log.contains("FATAL:");
            if has_failed || Instant::now() > deadline {
                return Err(io::Error::other(format!(
                    "PostgreSQL does not start:\n{log}"
                )));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Stops the server, and returns when it has ended.
    pub(super) fn stop(&mut self, mode: StopMode) -> io::Result<()> {
        self.order(match mode {
            StopMode::Fast => "INT",
            StopMode::Immediate => "QUIT",
        })
    }

    /// Writes a file into the data folder that only PostgreSQL's user may read.
    pub(super) fn write_private(&self, name: &str, content: &str) -> io::Result<()> {
        let file = self.folder.join("data").join(name);
        fs::write(&file, content)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
        self.programs.give(&file)
    }

    /// Sets the clock of a server that was started with libfaketime.
    pub(super) fn set_clock(&self, seconds: i64) -> io::Result<()> {
        clock::set(&self.folder, seconds)
    }

    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn order(&mut self, order: &str) -> io::Result<()> {
        let orders = self.orders.as_mut().expect("open until it is dropped");
        writeln!(orders, "{order}")?;
        let mut answer = String::new();
        if self.answers.read_line(&mut answer)? == 0 {
            return Err(io::Error::other(
                "the shell that supervises PostgreSQL has ended",
            ));
        }
        Ok(())
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.supervisor.wait();
    }
}

fn supervise(
    programs: &Programs,
    folder: &Path,
    port: Option<u16>,
    durability: Durability,
) -> Command {
    let mut shell = programs.as_user(Command::new("/bin/sh"));
    shell.args(["-c", SUPERVISOR, "supervisor"]).arg(folder);
    shell
        .arg(programs.path("postgres"))
        .arg("-D")
        .arg(folder.join("data"));
    let further = match durability {
        Durability::Hasty => HASTY_SETTINGS,
        Durability::Default => &[],
    };
    for setting in SETTINGS.iter().chain(further) {
        shell.args(["-c", setting]);
    }
    shell
        .arg("-c")
        .arg(format!("unix_socket_directories={}", folder.display()));
    let (addresses, port) = port.map_or(("", SOCKET_PORT), |port| ("127.0.0.1", port));
    shell.arg("-c").arg(format!("listen_addresses={addresses}"));
    shell.arg("-c").arg(format!("port={port}"));
    // A separate process group, so that Ctrl-C in the terminal does not reach the shell too early.
    // And no stderr: a test runner that sees an inherited one believes that the test still runs.
    shell
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    shell
}
