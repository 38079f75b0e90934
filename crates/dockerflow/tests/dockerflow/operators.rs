//! The port for operators against hostile clients.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use dockerflow::poem::OperatorsPort;
use futures_util::future::join_all;
use poem::Endpoint;
use poem::endpoint::{make, make_sync};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Serves as long as the test lasts, and returns the port.
async fn serve(endpoint: impl Endpoint + 'static) -> u16 {
    let port = OperatorsPort::bind(Ipv4Addr::UNSPECIFIED.into(), 0)
        .await
        .unwrap();
    let number = port.address.port();
    tokio::spawn(port.serve(endpoint));
    number
}

async fn connect(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).await.unwrap()
}

async fn send(port: u16, request: &[u8]) -> TcpStream {
    let mut stream = connect(port).await;
    // The server may refuse before it has read everything.
    let _ = stream.write_all(request).await;
    stream
}

/// The status of the answer.
async fn status(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn sixteen_requests_are_answered_at_a_time_and_the_others_wait() {
    let (gate, under_way) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let (opens, counts) = (Arc::clone(&gate), Arc::clone(&under_way));
    let port = serve(make(move |_| {
        let (gate, under_way) = (Arc::clone(&opens), Arc::clone(&counts));
        async move {
            assert!(under_way.fetch_add(1, SeqCst) < 16, "too many at a time");
            let pass = gate.acquire().await.unwrap();
            under_way.fetch_sub(1, SeqCst);
            pass.forget();
        }
    }))
    .await;
    let requests = join_all((0..40).map(|_| send(port, REQUEST))).await;
    while under_way.load(SeqCst) < 16 {
        tokio::task::yield_now().await;
    }
    gate.add_permits(40);
    let answers = join_all(requests.into_iter().map(status)).await;
    assert_eq!(answers, ["200"; 40]);
}

#[tokio::test]
async fn a_request_is_answered_after_silent_connections_are_closed() {
    let port = serve(make_sync(|_| ())).await;
    let silent = join_all((0..100).map(|_| connect(port))).await;
    let request = send(port, REQUEST).await;
    drop(silent);
    assert_eq!(status(request).await, "200");
}

#[tokio::test]
async fn a_header_that_is_too_long_is_refused() {
    let port = serve(make_sync(|_| ())).await;
    let long = format!("{:y<1$}", "GET / HTTP/1.1\r\nx: ", 16 * 1024);
    assert_eq!(status(send(port, long.as_bytes()).await).await, "431");
}

#[tokio::test]
async fn a_port_of_one_address_is_on_no_other() {
    let port = OperatorsPort::bind(Ipv4Addr::LOCALHOST.into(), 0)
        .await
        .unwrap();
    assert!(port.address.ip().is_loopback());
}
