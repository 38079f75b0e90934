//! The binaries of this workspace, built as a clone builds them.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use bare_testkit::process::cargo;
use serde::Deserialize;

/// How long a process may take until it answers, its build included.
const PATIENCE: Duration = Duration::from_mins(30);

/// The folder of the sources.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The binary of this name in a profile, built if it is older than its sources.
pub fn path(name: &str, profile: &str) -> anyhow::Result<PathBuf> {
    #[derive(Deserialize)]
    struct Built {
        executable: PathBuf,
    }
    let mut cargo = cargo();
    cargo.args(["build", "--quiet", "--profile", profile, "--bin", name]);
    cargo.arg("--message-format=json-render-diagnostics");
    let output = cargo
        .current_dir(root())
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "{name} does not build");
    let lines = output.stdout.split(|byte| *byte == b'\n');
    let built = lines.filter_map(|line| serde_json::from_slice(line).ok());
    let mut executables = built.map(|Built { executable }| executable);
    let path = executables.find(|it| it.file_stem().is_some_and(|it| it == name));
    path.with_context(|| format!("there is no binary {name}"))
}

/// Asks for a path on a port of this machine until it is answered with 200.
pub fn until_ok(port: u16, path: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !is_ok(port, path).unwrap_or(false) {
        ensure!(Instant::now() < deadline, "nobody answers {path} with 200");
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn is_ok(port: u16, path: &str) -> anyhow::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: race\r\nconnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).context("no answer")?;
    Ok(answer.starts_with(b"HTTP/1.1 200"))
}
