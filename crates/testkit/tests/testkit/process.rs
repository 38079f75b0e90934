//! Child processes.

use std::{process::Command, time::Duration};

use bare_testkit::process::{Process, Signal};
use rustix::process::{Pid, test_kill_process};

const PATIENCE: Duration = Duration::from_mins(1);

fn shell(script: &str) -> Process {
    Process::spawn("sh", Command::new("/bin/sh").args(["-c", script]))
}

#[tokio::test]
async fn a_line_is_found_on_either_stream_before_and_after_it_is_written() {
    let shell = shell("echo out; echo err >&2; read -r never");
    for line in ["err", "out", "err"] {
        assert_eq!(shell.wait_for_line(|it| it == line, PATIENCE).await, line);
    }
}

#[tokio::test]
#[should_panic(expected = "ended without the line; it wrote:\nlast words")]
async fn waiting_for_a_line_ends_with_the_process() {
    shell("echo last words")
        .wait_for_line(|_| false, PATIENCE)
        .await;
}

#[tokio::test]
async fn after_a_signal_the_last_lines_of_a_process_are_kept() {
    let mut shell = shell("trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.01; done");
    shell.wait_for_line(|line| line == "ready", PATIENCE).await;
    shell.signal(Signal::TERM);
    assert_eq!(shell.wait(PATIENCE).await.code(), Some(3));
    assert_eq!(shell.lines(), ["ready", "bye"]);
}

#[tokio::test]
async fn a_process_ends_when_it_is_dropped_even_if_it_is_stopped() {
    let mut shell = shell("while :; do sleep 0.01; done");
    let id = Pid::from_raw(shell.id().cast_signed()).unwrap();
    shell.signal(Signal::STOP);
    drop(shell);
    assert!(test_kill_process(id).is_err());
}
