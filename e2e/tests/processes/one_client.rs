//! A hostile client cannot exhaust web's memory or block other clients.

use std::{fs, io, time::Duration};

use e2e::{Backend::Sqlite, TestDatabase};
use futures_util::future::{join_all, select_all};
use reqwest::StatusCode;
use rstest::rstest;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::service::{PATIENCE, Web, migrated, until};

/// The peak memory that web may use.
const MOST: u64 = 256_000_000;

/// How much memory web may keep once the clients have left: its allocator keeps some.
const MORE: u64 = 100_000_000;

/// The service, and the database that it needs.
async fn web(variables: &[(&str, &str)]) -> (Web, TestDatabase) {
    let database = migrated(Sqlite).await.unwrap();
    (Web::start(database.url(), variables).await, database)
}

/// A line of `/proc/…/status`, in bytes: `VmRSS` is the current memory, `VmHWM` the peak.
fn memory(web: &Web, line: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", web.process.id())).unwrap();
    let value = status.lines().find_map(|text| text.strip_prefix(line));
    let kilobytes = value.unwrap().trim_matches([':', '\t', ' ', 'k', 'B']);
    kilobytes.parse::<u64>().unwrap() * 1024
}

/// Connections that have sent this and read nothing. Web may close some meanwhile.
async fn clients(web: &Web, count: usize, sent: &[u8]) -> Vec<TcpStream> {
    let connect = async || {
        let mut client = TcpStream::connect(&web.address).await.unwrap();
        let _ = timeout(Duration::from_secs(1), client.write_all(sent)).await;
        client
    };
    join_all((0..count).map(|_| connect())).await
}

fn sign_up(length: usize, body: &str) -> Vec<u8> {
    let head = "POST /user HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n";
    format!("{head}Content-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// Texts with a null character under a name of 60,000 characters.
fn null_characters() -> Vec<u8> {
    let texts = vec![r#""\u0000""#; 12_000].join(",");
    let body = format!(r#"{{"{}":[{texts}]}}"#, "k".repeat(60_000));
    sign_up(body.len(), &body)
}

fn held_back_body() -> Vec<u8> {
    sign_up(1024 * 1024, &" ".repeat(1024 * 1024 - 1))
}

/// A body of the size that a sign-up may have.
fn held_back_small_body() -> Vec<u8> {
    sign_up(4096, &" ".repeat(4095))
}

fn docs() -> Vec<u8> {
    b"GET /api/v1/docs HTTP/1.1\r\nHost: test\r\n\r\n".to_vec()
}

#[rstest]
#[case::json(8, null_characters(), true)]
#[case::large_bodies(400, held_back_body(), true)]
#[case::small_bodies(950, held_back_small_body(), false)]
#[case::docs_page_unread(950, docs(), true)]
#[case::half_headers(1_000, format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(60_000)).into_bytes(), false)]
#[tokio::test]
async fn one_client_cannot_exhaust_the_memory_of_web_or_block_others(
    #[case] count: usize,
    #[case] sent: Vec<u8>,
    #[case] is_answered: bool,
) {
    let (web, _database) = web(&[]).await;
    let before = memory(&web, "VmRSS");
    let attack = clients(&web, count, &sent).await;
    if is_answered {
        let answers = attack.iter().map(TcpStream::readable);
        timeout(PATIENCE, join_all(answers)).await.unwrap();
    }
    until(async || web.get("/").await.status() == StatusCode::OK).await;
    assert_eq!(web.get("/__heartbeat__").await.status(), StatusCode::OK);
    let most = memory(&web, "VmHWM");
    assert!(most < MOST, "{most} bytes");
    drop(attack);
    until(async || open_connections(&web) < 10).await;
    // The allocator returns memory only while it is used.
    until(async || {
        web.get("/").await;
        memory(&web, "VmRSS") < before + MORE
    })
    .await;
}

/// The number of web's open sockets.
fn open_connections(web: &Web) -> usize {
    let files = fs::read_dir(format!("/proc/{}/fd", web.process.id())).unwrap();
    let targets = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    targets
        .filter(|target| target.to_string_lossy().starts_with("socket:"))
        .count()
}

#[rstest]
#[case::of_one_value(r#"{"name":"#, "0", "}")]
#[case::of_small_values(r#"{"more":["#, "0,", "0]}")]
#[case::of_names("{", r#""a":0,"#, r#""b":0}"#)]
#[case::of_names_that_are_there_once("[", "[0],", "0]")]
#[tokio::test]
async fn a_request_uses_at_most_four_times_the_memory_of_its_body(
    #[case] start: &str,
    #[case] many: &str,
    #[case] end: &str,
) {
    let (web, _database) = web(&[]).await;
    // The memory that any request takes.
    web.sign_up("ada").await;
    let before = memory(&web, "VmHWM");
    let count = (1024 * 1024 - start.len() - end.len()) / many.len();
    let body = format!("{start}{}{end}", many.repeat(count));
    let mut client = clients(&web, 1, &sign_up(body.len(), &body))
        .await
        .remove(0);
    let mut answer = [0; 12];
    client.read_exact(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 4"), "{answer:?}");
    let more = memory(&web, "VmHWM") - before;
    assert!(more <= 4 * body.len() as u64, "{more} bytes more");
}

#[tokio::test]
async fn web_answers_next_to_many_idle_connections() {
    let (web, _database) = web(&[("PROMETHEUS_PORT", "0")]).await;
    let hello = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n";
    let mut idle = clients(&web, 1_000, hello).await;
    until(async || web.get("/").await.status() == StatusCode::OK).await;
    assert_eq!(web.get("/__lbheartbeat__").await.status(), 200);
    let is_said = |line: &str| line.contains("all connections are taken");
    web.process.wait_for_line(is_said, PATIENCE).await;
    let lines = web.process.lines();
    let said = lines.iter().filter(|line| is_said(line)).count();
    assert!(said < 10, "{said} lines");

    // One of them was replaced: its answer is followed by the end, which may be a reset.
    let ends = idle.iter_mut().map(|client| {
        Box::pin(async {
            let _: io::Result<usize> = client.read_to_end(&mut Vec::new()).await;
        })
    });
    timeout(PATIENCE, select_all(ends)).await.unwrap();
}
