//! `cargo dev`: everything in one process.

use std::{fs, net::TcpListener};

use e2e::process::{Process, Signal};

use crate::service::{PATIENCE, Web, stop};

#[tokio::test]
async fn dev_runs_everything_and_prints_the_addresses() {
    let process = Process::start("dev", [], [("PORT", "0")]);
    let line = process
        .wait_for_line(|line| line.contains("the service"), PATIENCE)
        .await;
    let address = line.split_whitespace().next().unwrap();
    let docs = format!("{address}/api/v1/docs");
    for expected in [&docs, "data/mail/"] {
        let is_it = |line: &str| line.split_whitespace().next() == Some(expected);
        process.wait_for_line(is_it, PATIENCE).await;
    }

    let address = address.trim_start_matches("http://").to_owned();
    let mut dev = Web::at(process, address);
    assert_eq!(dev.get("/api/v1/docs").await.status(), 200);
    let job = dev.sign_up("ada").await;
    dev.completes(&job).await;

    let id = job.trim_start_matches("/job/");
    let file = dev.process.folder().join(format!("data/mail/{id}.eml"));
    let mail = fs::read_to_string(file).unwrap();
    assert!(mail.contains("To: ada@example.net"), "{mail}");
    stop(&mut dev.process, Signal::INT).await;
}

#[tokio::test]
async fn dev_names_a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let port = address.port().to_string();
    let mut dev = Process::start("dev", [], [("PORT", port.as_str())]);
    assert_eq!(dev.wait(PATIENCE).await.code(), Some(1));
    let text = dev.lines().join("\n");
    assert!(
        text.contains(&format!("cannot listen on {address}")),
        "{text}"
    );
    assert!(text.contains("PORT"), "{text}");
}
