//! `cargo dev --watch`, of a small service that answers with a word of its source.

#![cfg(unix)]

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::template::Repository;

/// Far more than a build of one file takes.
const PATIENCE: Duration = Duration::from_mins(1);

const SERVICE: &str = r#"
use std::{io::{Read, Write}, net::TcpListener};

fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    std::fs::write("port", listener.local_addr().unwrap().port().to_string()).unwrap();
    std::fs::write("process", std::process::id().to_string()).unwrap();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let _ = stream.read(&mut [0; 100]);
        let _ = write!(stream, "WORD");
    }
}
"#;

struct Watched {
    repository: Repository,
    watch: Child,
}

impl Watched {
    fn start() -> Self {
        let repository = Repository::template();
        let workspace = "[workspace]\nresolver = \"3\"\nmembers = [\"crates/queue\", \"dev\"]\n";
        let package = "[package]\nname = \"dev\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
        repository.write("Cargo.toml", workspace);
        repository.write("dev/Cargo.toml", package);
        repository.write("dev/src/main.rs", &SERVICE.replace("WORD", "one"));
        let watch = Command::new(env!("CARGO_BIN_EXE_bare-dev"))
            .arg("--watch")
            .current_dir(repository.path())
            .env("CARGO_TARGET_DIR", repository.file("target"))
            .stdin(Stdio::null())
            .stderr(File::create(repository.file("log")).unwrap())
            .spawn()
            .unwrap();
        Self { repository, watch }
    }

    /// What the service answers, if one does.
    fn answer(&self) -> Option<String> {
        let port = fs::read_to_string(self.repository.file("port")).ok()?;
        let mut stream = TcpStream::connect(("127.0.0.1", port.parse().ok()?)).ok()?;
        stream.write_all(b"?").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    fn answers(&self, expected: &str) {
        until(|| self.answer().as_deref() == Some(expected));
    }

    fn service(&self) -> Pid {
        let process = fs::read_to_string(self.repository.file("process")).unwrap();
        Pid::from_raw(process.parse().unwrap()).unwrap()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.watch.kill();
        if let Ok(process) = fs::read_to_string(self.repository.file("process")) {
            let process = process.parse().ok().and_then(Pid::from_raw);
            let _ = process.map(|process| kill_process(process, Signal::KILL));
        }
    }
}

fn until(is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "it takes too long");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_edit_is_served_and_one_that_does_not_build_leaves_the_service_from_before() {
    let mut watched = Watched::start();
    watched.answers("one");
    let first = watched.service();

    watched
        .repository
        .edit("dev/src/main.rs", "\"one\"", "broken");
    until(|| watched.repository.read("log").contains("it does not build"));
    assert_eq!(watched.answer().as_deref(), Some("one"));
    assert_eq!(watched.service(), first);

    watched
        .repository
        .edit("dev/src/main.rs", "broken", "\"two\"");
    watched.answers("two");
    let second = watched.service();
    assert_ne!(first, second);
    assert!(
        test_kill_process(first).is_err(),
        "the service from before still runs"
    );

    let watch = Pid::from_child(&watched.watch);
    kill_process(watch, Signal::INT).unwrap();
    assert!(watched.watch.wait().unwrap().success());
    assert!(test_kill_process(second).is_err(), "the service still runs");
}
