//! Shutdown of the service.

use std::time::Instant;

use bare_http::Limits;
use tokio::net::TcpStream;

use crate::{
    api::{INDEX, LAMP},
    server::{Connection, Server, in_time},
};

fn head_of_a_post() -> String {
    let length = LAMP.len();
    // The server asks for the body once a view has the request.
    format!(
        "POST /thing HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n\
         Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
    )
}

#[tokio::test]
async fn a_request_in_flight_is_finished_and_new_ones_are_refused() {
    let app = Server::start().await;
    let address = app.address;
    let mut in_flight = app.send(&head_of_a_post()).await;
    in_flight.until("100 Continue\r\n\r\n").await;

    let shutting_down = app.shut_down();
    in_time(async { while TcpStream::connect(address).await.is_ok() {} }).await;
    in_flight.send(LAMP).await;
    let answer = in_flight.rest().await;
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    shutting_down.ends().await;
}

#[tokio::test]
async fn idle_connections_do_not_delay_the_shutdown() {
    let app = Server::start().await;
    let mut idle = app.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").await;
    idle.until(INDEX).await;
    let mut half = app.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").await;
    half.until(INDEX).await;
    half.send("GET / HTTP/1.1\r\nHost: ").await;
    let _silent = app.send("").await;
    let _first = app.send("GET / HTTP/1.1\r\nHost: ").await;
    // All of them are accepted, because connections are accepted in turn.
    assert_eq!(app.get("/").await.status(), 200);

    let start = Instant::now();
    app.shut_down().ends().await;
    assert!(start.elapsed() < Limits::default().header_time / 3);
}

#[tokio::test]
async fn connections_that_came_before_the_end_are_answered() {
    // On one thread, the server accepts nothing while this test connects.
    let app = Server::start().await;
    let address = app.address;
    let (connected, still_open) = std::sync::mpsc::channel();
    let shutting_down = app.shut_down();
    for _ in 0..50 {
        let stream = std::net::TcpStream::connect(address).unwrap();
        connected.send(stream).unwrap();
    }
    drop(connected);
    let ending = tokio::spawn(shutting_down.ends());
    for stream in still_open {
        stream.set_nonblocking(true).unwrap();
        let mut client = Connection(TcpStream::from_std(stream).unwrap());
        client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").await;
        let answer = client.rest().await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    ending.await.unwrap();
}

#[tokio::test]
async fn a_request_that_does_not_end_is_cut_off_after_the_grace_period() {
    let app = Server::start_with(&[("SHUTDOWN_GRACE_SECONDS", "0")], Limits::default()).await;
    let mut in_flight = app.send(&head_of_a_post()).await;
    in_flight.until("100 Continue\r\n\r\n").await;
    app.shut_down().ends().await;
    assert_eq!(in_flight.rest().await, "");
}
