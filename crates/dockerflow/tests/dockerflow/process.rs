//! What needs a separate process: the global logger, the panic hook, the end of the process.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::capture::parse;

/// See `examples/process.rs`.
fn process(folder: &TempDir, steps: &[&str]) -> Command {
    let mut command = Command::new(executable());
    command
        .args(steps)
        .current_dir(folder)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// `cargo test` has already built it, unless only one target was selected.
fn executable() -> &'static Path {
    static EXECUTABLE: LazyLock<PathBuf> = LazyLock::new(|| {
        let test = std::env::current_exe().unwrap();
        let profile = test.parent().and_then(Path::parent).unwrap();
        let name = format!("process{}", std::env::consts::EXE_SUFFIX);
        let path = profile.join("examples").join(name);
        if !is_fresh(&path) {
            let build = "build --quiet --package dockerflow --example process";
            let mut cargo = Command::new(env!("CARGO"));
            let status = cargo.args(build.split(' ')).status();
            assert!(status.unwrap().success());
        }
        path
    });
    &EXECUTABLE
}

/// Whether it is newer than all its sources, which cargo lists in a file next to it.
fn is_fresh(executable: &Path) -> bool {
    let modified = |path: &Path| path.metadata().and_then(|metadata| metadata.modified());
    let sources = std::fs::read_to_string(executable.with_extension("d")).unwrap_or_default();
    let mut sources = sources.split_whitespace().skip(1).map(Path::new);
    modified(executable).is_ok_and(|built| {
        sources.all(|source| modified(source).is_ok_and(|changed| changed <= built))
    })
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    parse(str::from_utf8(&output.stdout).unwrap())
}

fn stderr(output: &Output) -> &str {
    str::from_utf8(&output.stderr).unwrap()
}

#[test]
fn a_panic_is_one_error_line_and_nothing_on_stderr() {
    let output = process(&folder(), &["panic"]).output().unwrap();
    let lines = lines(&output);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["Severity"], 3);
    assert_eq!(lines[0]["Type"], "panic");
    let fields = &lines[0]["Fields"];
    assert_eq!(fields["msg"], "panicked: first line\nsecond line");
    assert_eq!(fields["thread"], "breaks");
    assert!(fields["location"].as_str().unwrap().contains("process.rs:"));
    assert_eq!(fields.get("backtrace"), None);
    assert_eq!(stderr(&output), "");
}

#[test]
fn a_panic_has_a_backtrace_if_enabled() {
    let output = process(&folder(), &["panic"])
        .env("RUST_BACKTRACE", "1")
        .output()
        .unwrap();
    let lines = lines(&output);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0]["Fields"]["backtrace"]
            .as_str()
            .unwrap()
            .contains("process")
    );
}

#[test]
fn a_record_of_the_log_crate_keeps_its_target() {
    let output = process(&folder(), &["record"]).output().unwrap();
    let lines = lines(&output);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["Type"], "another::crate");
    assert_eq!(lines[0]["Severity"], 4);
    assert_eq!(lines[0]["Fields"], json!({"msg": "by the log crate"}));

    let silenced = process(&folder(), &["record"])
        .env("LOG_LEVEL", "another=error")
        .output();
    assert_eq!(silenced.unwrap().stdout, b"");
}

#[test]
fn a_value_that_logs_while_it_is_logged_does_not_garble_lines() {
    let output = process(&folder(), &["nest"]).output().unwrap();
    let fields: Vec<_> = lines(&output)
        .iter()
        .map(|line| line["Fields"].clone())
        .collect();
    assert_eq!(
        fields,
        [
            json!({"msg": "inner"}),
            json!({"msg": "outer", "value": "before after"}),
        ]
    );
}

#[test]
fn a_second_init_is_an_error_and_changes_nothing() {
    let output = process(&folder(), &["reinit"]).output().unwrap();
    let lines = lines(&output);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["Logger"], "example");
    assert_eq!(lines[0]["Fields"]["refused"], true);
}

#[test]
fn lines_that_are_not_read_in_time_are_counted_and_reported() {
    let folder = folder();
    let mut process = process(&folder, &["burst", "say-done", "wait"]);
    let mut child = process.stdin(Stdio::piped()).spawn().unwrap();
    wait_until_done(&mut child);

    let stdout = child.stdout.take().unwrap();
    let reading = thread::spawn(|| std::io::read_to_string(stdout).unwrap());
    drop(child.stdin.take());
    let text = reading.join().unwrap();
    assert!(child.wait().unwrap().success());

    let lines = parse(&text);
    let dropped: u64 = lines
        .iter()
        .filter_map(|line| line["Fields"]["lines"].as_u64())
        .sum();
    let written = lines
        .iter()
        .filter(|line| line["Fields"]["number"].is_u64())
        .count();
    assert!(dropped > 0);
    assert_eq!(dropped + u64::try_from(written).unwrap(), 50_000);
    let totals = lines
        .iter()
        .filter_map(|line| line["Fields"]["total"].as_u64());
    assert_eq!(totals.max(), Some(dropped));
}

#[test]
fn a_process_whose_output_is_not_read_ends_within_a_second_and_reports_lost_lines() {
    let mut child = process(&folder(), &["burst", "say-done"]).spawn().unwrap();
    let mut errors = wait_until_done(&mut child);
    let done_at = Instant::now();
    assert!(child.wait().unwrap().success());
    // The promised second, with a margin for a busy machine.
    assert!(
        done_at.elapsed() < Duration::from_secs(3),
        "{:?}",
        done_at.elapsed()
    );

    let mut last_word = String::new();
    errors.read_line(&mut last_word).unwrap();
    assert_says_that_lines_were_lost(&last_word);
}

fn assert_says_that_lines_were_lost(last_word: &str) {
    let lost = last_word.strip_suffix(" log lines were lost: standard output is not read\n");
    let lost: u64 = lost.expect(last_word).parse().unwrap();
    assert!((1..=50_000).contains(&lost));
}

fn wait_until_done(child: &mut Child) -> BufReader<std::process::ChildStderr> {
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    errors.read_line(&mut line).unwrap();
    assert_eq!(line, "done\n");
    errors
}

#[test]
fn a_closed_output_does_not_stop_the_process() {
    let mut child = process(&folder(), &["burst", "say-done"]).spawn().unwrap();
    drop(child.stdout.take());
    let mut errors = wait_until_done(&mut child);
    assert!(child.wait().unwrap().success());

    let mut last_word = String::new();
    errors.read_line(&mut last_word).unwrap();
    assert_says_that_lines_were_lost(&last_word);
}

#[test]
fn wrong_settings_of_the_environment_and_the_file_are_named_together() {
    let folder = folder();
    std::fs::write(
        folder.path().join(".env"),
        "PORT=0\nPASSWORD=hunter2 hunter2\n",
    )
    .unwrap();
    let output = process(&folder, &[])
        .env("LOG_FORMAT", "xml")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let stderr = stderr(&output);
    for part in [
        ".env, line 2",
        "PASSWORD",
        "PORT",
        "LOG_FORMAT",
        "from 1 to 65535",
    ] {
        assert!(stderr.contains(part), "{part} is not in: {stderr}");
    }
    assert!(!stderr.contains("hunter2"));
    assert_eq!(output.stdout, b"");
}

#[test]
fn a_process_does_not_start_if_a_line_of_the_file_does_not_parse() {
    let folder = folder();
    std::fs::write(folder.path().join(".env"), "what is this\n").unwrap();
    let output = process(&folder, &["show"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains(".env, line 1"));
    assert_eq!(output.stdout, b"");
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_given_defaults() {
    let folder = folder();
    std::fs::write(folder.path().join(".env"), "PORT=1\nPASSWORD=x\n").unwrap();
    let show = |change: &dyn Fn(&mut Command)| {
        let mut command = process(&folder, &["show"]);
        change(&mut command);
        lines(&command.output().unwrap())[0]["Fields"].clone()
    };
    assert_eq!(
        show(&|_| ()),
        json!({"port": 1, "has_password": true, "level": "process=info,warn"})
    );
    let fields = show(&|command| {
        command
            .env("PORT", "2")
            .env("PASSWORD", "")
            .env("LOG_LEVEL", "info");
    });
    assert_eq!(
        fields,
        json!({"port": 2, "has_password": false, "level": "info"})
    );
}

#[test]
fn help_is_not_an_error() {
    let output = process(&folder(), &["--help"])
        .env("PORT", "x")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(
        str::from_utf8(&output.stdout)
            .unwrap()
            .contains("LOG_QUERYSTRING")
    );
}
