//! `cargo dev --watch`: the service is built and started again whenever a source file changes.
//!
//! While the compiler works, the service from before answers. If it fails, that one goes on.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::Duration,
};

use anyhow::Context as _;
use notify::{RecursiveMode, Watcher as _};
use serde::Deserialize;

use crate::service::cargo;

/// An editor writes a file in several steps, and git many files.
const SETTLE: Duration = Duration::from_millis(50);

enum Event {
    Changed,
    Built(Option<PathBuf>),
    Ended(u32, ExitStatus),
    Stop,
}

/// Runs until Ctrl-C.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let (send, events) = channel();
    let changed = send.clone();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let is_change = |event: notify::Event| {
            !event.kind.is_access() && event.paths.iter().any(|path| is_source(path))
        };
        if event.is_ok_and(is_change) {
            let _ = changed.send(Event::Changed);
        }
    })?;
    for folder in folders(root)? {
        watcher
            .watch(&folder, RecursiveMode::Recursive)
            .with_context(|| format!("{} cannot be watched", folder.display()))?;
    }
    watcher.watch(root, RecursiveMode::NonRecursive)?;
    let stop = send.clone();
    ctrlc::set_handler(move || drop(stop.send(Event::Stop)))?;
    Watch {
        root: root.to_owned(),
        send,
        build: None,
        is_outdated: false,
        service: None,
    }
    .run(&events)
}

struct Watch {
    root: PathBuf,
    send: Sender<Event>,
    /// The compiler's process, while it works.
    build: Option<u32>,
    /// Whether something changed since the compiler started.
    is_outdated: bool,
    /// The service's process, while it runs.
    service: Option<u32>,
}

impl Watch {
    fn run(mut self, events: &Receiver<Event>) -> anyhow::Result<()> {
        self.build()?;
        loop {
            match events.recv()? {
                Event::Changed => {
                    self.is_outdated = true;
                    if self.build.is_none() {
                        settle(events, &self.send);
                        self.build()?;
                    }
                }
                Event::Built(program) => {
                    self.build = None;
                    match program {
                        _ if self.is_outdated => self.build()?,
                        Some(program) => self.restart(&program, events)?,
                        None if self.service.is_some() => {
                            say("it does not build: the service from before goes on");
                        }
                        None => say("it does not build: edit it"),
                    }
                }
                Event::Ended(process, status) if self.service == Some(process) => {
                    self.service = None;
                    say(&format!("the service ended ({status}): edit it"));
                }
                Event::Ended(..) => {}
                Event::Stop => {
                    self.stop(events);
                    return Ok(());
                }
            }
        }
    }

    /// Starts the compiler.
    fn build(&mut self) -> anyhow::Result<()> {
        self.is_outdated = false;
        let mut compiler = cargo(&self.root)
            .args([
                "build",
                "--package",
                "dev",
                "--message-format=json-render-diagnostics",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cargo does not start")?;
        self.build = Some(compiler.id());
        let send = self.send.clone();
        thread::spawn(move || {
            let program = program_of(&mut compiler);
            let is_built = compiler.wait().is_ok_and(|status| status.success());
            send.send(Event::Built(program.filter(|_| is_built)))
        });
        Ok(())
    }

    /// Stops the service and starts the new one.
    fn restart(&mut self, program: &Path, events: &Receiver<Event>) -> anyhow::Result<()> {
        self.stop_service(events);
        let mut service = Command::new(program)
            .current_dir(&self.root)
            .env("CARGO_MANIFEST_DIR", self.root.join("dev"))
            .spawn()
            .with_context(|| program.display().to_string())?;
        let process = service.id();
        self.service = Some(process);
        let send = self.send.clone();
        thread::spawn(move || {
            let status = service.wait();
            status.map(|status| send.send(Event::Ended(process, status)))
        });
        Ok(())
    }

    /// Ends the service as a platform does, and waits for it.
    fn stop_service(&mut self, events: &Receiver<Event>) {
        let Some(process) = self.service.take() else {
            return;
        };
        terminate(process);
        let mut changed = false;
        while let Ok(event) = events.recv() {
            match event {
                Event::Ended(ended, _) if ended == process => break,
                Event::Changed => changed = true,
                Event::Stop => drop(self.send.send(Event::Stop)),
                Event::Built(_) | Event::Ended(..) => {}
            }
        }
        if changed {
            let _ = self.send.send(Event::Changed);
        }
    }

    /// Ends all that this command has started.
    fn stop(&mut self, events: &Receiver<Event>) {
        if let Some(compiler) = self.build.take() {
            terminate(compiler);
        }
        self.stop_service(events);
    }
}

/// The program that cargo says it has built.
fn program_of(compiler: &mut Child) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Message {
        executable: Option<PathBuf>,
    }
    let output = BufReader::new(compiler.stdout.take()?);
    let messages = output.lines().map_while(Result::ok);
    let programs =
        messages.filter_map(|line| serde_json::from_str::<Message>(&line).ok()?.executable);
    programs.last()
}

/// Waits until nothing has changed for a moment.
fn settle(events: &Receiver<Event>, send: &Sender<Event>) {
    loop {
        match events.recv_timeout(SETTLE) {
            Ok(Event::Changed) => {}
            Ok(other) => {
                let _ = send.send(other);
                return;
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// The folders of the packages that the service is built from.
fn folders(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    #[derive(Deserialize)]
    struct Package {
        name: String,
        manifest_path: PathBuf,
        dependencies: Vec<Dependency>,
    }
    #[derive(Deserialize)]
    struct Dependency {
        kind: Option<String>,
        path: Option<PathBuf>,
    }

    let output = cargo(root)
        .args(["metadata", "--no-deps", "--format-version=1"])
        .stderr(Stdio::inherit())
        .output()
        .context("cargo does not start")?;
    let metadata: Metadata = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    let folder = |package: &Package| package.manifest_path.parent().map(Path::to_owned);
    let service = metadata
        .packages
        .iter()
        .find(|package| package.name == "dev");
    let mut folders: Vec<PathBuf> = service.and_then(folder).into_iter().collect();
    let mut next = 0;
    while let Some(of) = folders.get(next).cloned() {
        let packages = metadata.packages.iter();
        let package = packages.filter(|package| folder(package).as_ref() == Some(&of));
        let dependencies = package.flat_map(|package| &package.dependencies);
        let built = dependencies.filter(|it| it.kind.as_deref() != Some("dev"));
        for path in built.filter_map(|dependency| dependency.path.clone()) {
            if !folders.contains(&path) {
                folders.push(path);
            }
        }
        next += 1;
    }
    Ok(folders)
}

/// Whether the service is built from a file, or reads it when it starts. What editors write beside it is not.
fn is_source(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_of_an_editor = name.ends_with('~') || name.starts_with(".#") || name.starts_with('#');
    let is_read = ["rs", "toml", "lock", "sql", "html", "css", "js"]
        .iter()
        .any(|extension| path.extension().is_some_and(|it| it == *extension));
    name == ".env" || (is_read && !is_of_an_editor)
}

fn say(text: &str) {
    eprintln!("cargo dev: {text}");
}

#[cfg(unix)]
fn terminate(process: u32) {
    use rustix::process::{Pid, Signal, kill_process};
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    if let Some(process) = process {
        // It may have ended by itself.
        let _ = kill_process(process, Signal::TERM);
    }
}

#[cfg(not(unix))]
fn terminate(process: u32) {
    let _ = Command::new("taskkill")
        .args(["/F", "/T", "/PID", &process.to_string()])
        .status();
}
