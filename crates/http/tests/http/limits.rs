//! The limits of a single client.

use bare_testkit::problem::problem;
use std::time::{Duration, Instant};

use bare_http::Limits;

use crate::{
    api::{INDEX, LAMP},
    server::{Server, in_time},
};

/// Long enough that a busy machine does not make an honest client slow.
const SHORT: Duration = Duration::from_millis(500);

const HALF_A_HEADER: &str = "GET / HTTP/1.1\r\nHost: test\r\nX-More: ";

const HALF_A_BODY: &str = "POST /thing HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n\
                           Content-Length: 40\r\n\r\n{\"name\":";

async fn app_with(limits: Limits) -> Server {
    Server::start_with(&[], limits).await
}

#[tokio::test]
async fn a_header_that_takes_too_long_closes_its_connection() {
    let app = app_with(Limits {
        header_time: SHORT,
        ..Limits::default()
    })
    .await;
    for beginning in ["", HALF_A_HEADER] {
        assert_eq!(app.send(beginning).await.rest().await, "");
    }
}

#[tokio::test]
async fn the_header_of_a_later_request_that_takes_too_long_closes_its_connection() {
    let app = app_with(Limits {
        header_time: SHORT,
        ..Limits::default()
    })
    .await;
    let mut connection = app.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").await;
    connection.until(INDEX).await;
    connection.send(HALF_A_HEADER).await;
    assert_eq!(connection.rest().await, "");
}

#[tokio::test]
async fn a_connection_may_be_idle_for_longer_than_a_header_may_take() {
    let limits = Limits {
        header_time: SHORT,
        keep_alive: SHORT * 4,
        ..Limits::default()
    };
    let app = app_with(limits).await;
    let mut connection = app.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").await;
    connection.until(INDEX).await;
    let start = Instant::now();
    assert_eq!(connection.rest().await, "");
    assert!(start.elapsed() > SHORT * 2);
}

#[tokio::test]
async fn a_later_header_has_as_much_time_as_the_first() {
    let limits = Limits {
        header_time: SHORT,
        ..Limits::default()
    };
    let app = app_with(limits).await;
    let mut connection = app.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").await;
    connection.until(INDEX).await;
    // The first header's time ends while the second arrives.
    tokio::time::sleep(SHORT * 3 / 4).await;
    connection.send("GET / HTTP/1.1\r\n").await;
    tokio::time::sleep(SHORT / 2).await;
    connection.send("Host: test\r\n\r\n").await;
    connection.until(INDEX).await;
}

#[tokio::test]
async fn a_body_may_take_longer_than_a_header() {
    let app = app_with(Limits {
        header_time: SHORT,
        ..Limits::default()
    })
    .await;
    let head = "POST /thing HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n\
                Expect: 100-continue\r\nContent-Length: 41\r\n\r\n";
    let mut connection = app.send(head).await;
    connection.until("100 Continue\r\n\r\n").await;
    connection.send(r#"{"name":"lamp","#).await;
    tokio::time::sleep(SHORT * 2).await;
    connection.send(r#" "code":"012345678901234"}"#).await;
    connection.until("HTTP/1.1 202 ").await;
}

#[tokio::test]
async fn a_body_that_takes_too_long_is_408_and_closes_its_connection() {
    let app = app_with(Limits {
        body_time: SHORT,
        ..Limits::default()
    })
    .await;
    let answer = app.send(HALF_A_BODY).await.rest().await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("application/problem+json"), "{answer}");
}

#[tokio::test]
async fn an_unread_body_does_not_keep_its_connection_open() {
    let app = app_with(Limits {
        linger_time: SHORT,
        ..Limits::default()
    })
    .await;
    for (request, status) in [("GET /", 200), ("GET /a/b", 404), ("PUT /thing", 405)] {
        let request = format!("{request} HTTP/1.1\r\nHost: test\r\nContent-Length: 40\r\n\r\nhalf");
        let answer = app.send(&request).await.rest().await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_client_that_is_still_sending_reads_that_its_body_is_too_large() {
    let app = app_with(Limits::default()).await;
    let body = "x".repeat(2 * 1024 * 1024);
    problem(app.post_thing(body.clone()).await, 413).await;

    let head = "POST /thing HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n";
    let mut announced = app
        .send(&format!("{head}Content-Length: {}\r\n\r\n", body.len()))
        .await;
    let mut chunked = app
        .send(&format!("{head}Transfer-Encoding: chunked\r\n\r\n"))
        .await;
    announced.send(&body).await;
    chunked
        .send(&format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()))
        .await;
    for connection in [&mut announced, &mut chunked] {
        let answer = connection.until("\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        // The whole body was drained, so the connection stays usable.
        connection
            .send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
            .await;
        connection.until(INDEX).await;
    }
}

#[tokio::test]
async fn a_body_of_the_largest_size_is_read() {
    let app = app_with(Limits {
        body_size: 100,
        ..Limits::default()
    })
    .await;
    let body = |size| format!("{LAMP:<size$}");
    problem(app.post_thing(body(101)).await, 413).await;
    assert_eq!(app.post_thing(body(100)).await.status(), 202);
}

#[tokio::test]
async fn a_client_that_announces_a_large_body_is_not_asked_to_send_it() {
    // The server would wait in vain for the body.
    let limits = Limits {
        linger_time: Duration::MAX,
        ..Limits::default()
    };
    let app = app_with(limits).await;
    let head = "POST /thing HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n\
                Expect: 100-continue\r\nContent-Length: 2000000\r\n\r\n";
    let answer = app.send(head).await.rest().await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(!answer.contains("100 Continue"), "{answer}");
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_503() {
    let app = app_with(Limits {
        request_time: SHORT,
        ..Limits::default()
    })
    .await;
    problem(app.get("/things/slow").await, 503).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answers_is_cut_off() {
    let app = app_with(Limits {
        write_time: SHORT,
        ..Limits::default()
    })
    .await;
    let requests = "GET /api/v1/docs HTTP/1.1\r\nHost: test\r\n\r\n".repeat(20);
    let mut connection = app.send(&requests).await;
    connection.until("200 OK").await;
    // The grace period is far longer than this waits.
    app.shut_down().ends().await;
    drop(connection);
}

#[tokio::test]
async fn many_slow_clients_do_not_block_others() {
    let limits = Limits {
        header_time: SHORT * 2,
        body_time: SHORT * 2,
        ..Limits::default()
    };
    let app = app_with(limits).await;
    let mut slow = Vec::new();
    for _ in 0..100 {
        slow.push(app.send(HALF_A_HEADER).await);
        slow.push(app.send(HALF_A_BODY).await);
    }
    assert_eq!(app.get("/").await.status(), 200);
    for connection in slow {
        in_time(connection.rest()).await;
    }
}
