//! What happens when all connections are taken.

use bare_testkit::problem::problem;
use std::time::Duration;

use bare_http::Limits;
use rstest::rstest;

use crate::{
    api::{INDEX, LAMP},
    server::{Connection, Server, in_time},
};

const HELLO: &str = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";

const HALF_A_HEADER: &str = "GET / HTTP/1.1\r\nHost: test\r\nX-More: ";

/// The service asks for the body, so the test knows that the request is in flight.
const EXPECTING: &str = "POST /thing HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n\
                         Expect: 100-continue\r\nContent-Length: 40\r\n\r\n";

const SLOW: &str = "GET /things/slow HTTP/1.1\r\nHost: test\r\n\r\n";

async fn app_with(limits: Limits) -> Server {
    Server::start_with(&[], limits).await
}

async fn busy(app: &Server) -> Connection {
    let mut connection = app.send(EXPECTING).await;
    connection.until("100 Continue\r\n\r\n").await;
    connection
}

#[rstest]
#[case::after_an_answer(HELLO, INDEX)]
#[case::within_a_header(HALF_A_HEADER, "")]
#[case::silent("", "")]
#[tokio::test]
async fn a_new_connection_replaces_the_one_that_was_idle_for_longest(
    #[case] sent: &str,
    #[case] answer: &str,
) {
    let app = app_with(Limits {
        connections: 3,
        yield_time: Duration::from_millis(20),
        ..Limits::default()
    })
    .await;
    let _busy = busy(&app).await;
    let mut longest = app.send(sent).await;
    longest.until(answer).await;
    // Connections are accepted in turn, so this one is younger.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut younger = app.send(HELLO).await;
    younger.until(INDEX).await;
    tokio::time::sleep(Duration::from_millis(50)).await;

    let mut new = app.send(HELLO).await;
    new.until(INDEX).await;
    assert_eq!(longest.rest().await, "");
    for connection in [&mut younger, &mut new] {
        connection.send(HELLO).await;
        connection.until(INDEX).await;
    }
}

#[tokio::test]
async fn only_health_endpoints_answer_while_all_connections_are_busy() {
    let app = app_with(Limits {
        connections: 1,
        yield_time: Duration::ZERO,
        ..Limits::default()
    })
    .await;
    let busy = busy(&app).await;

    let refused = app.get("/").await;
    assert_eq!(refused.headers()["connection"], "close");
    assert!(refused.headers().contains_key("retry-after"));
    problem(refused, 503).await;
    for path in ["/__lbheartbeat__", "/__heartbeat__", "/__version__"] {
        let told = app.get(path).await;
        assert_eq!(
            (told.status().as_u16(), &told.headers()["connection"]),
            (200, &"close".parse().unwrap()),
            "{path}"
        );
    }

    drop(busy);
    in_time(async { while app.get("/").await.status() != 200 {} }).await;
}

#[tokio::test]
async fn a_request_beyond_those_in_progress_is_refused_at_once_unless_it_is_for_health_endpoints() {
    let app = app_with(Limits {
        requests: 1,
        ..Limits::default()
    })
    .await;
    // One of two is in progress as soon as the other is refused.
    let mut two = [app.send(SLOW).await, app.send(SLOW).await];
    let [first, second] = &mut two;
    let refusal = "HTTP/1.1 503 ";
    tokio::select! {
        _ = first.until(refusal) => {}
        _ = second.until(refusal) => {}
    }
    for refused in [app.get("/").await, app.post_thing(LAMP).await] {
        assert!(refused.headers().contains_key("retry-after"));
        problem(refused, 503).await;
    }
    for path in ["/__lbheartbeat__", "/__heartbeat__", "/__version__"] {
        assert_eq!(app.get(path).await.status(), 200, "{path}");
    }

    drop(two);
    in_time(async { while app.get("/").await.status() != 200 {} }).await;
}

#[tokio::test]
async fn a_request_whose_body_has_not_arrived_is_not_in_progress() {
    let app = app_with(Limits {
        requests: 1,
        ..Limits::default()
    })
    .await;
    let mut busy = busy(&app).await;
    assert_eq!(app.get("/").await.status(), 200);
    busy.send(LAMP).await;
    busy.until("HTTP/1.1 202 ").await;
}

#[tokio::test]
async fn a_connection_that_was_just_busy_is_not_replaced() {
    let app = app_with(Limits {
        connections: 1,
        yield_time: Duration::from_hours(1),
        ..Limits::default()
    })
    .await;
    let mut first = app.send(HELLO).await;
    first.until(INDEX).await;
    let refused = app.send(HELLO).await.rest().await;
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    first.send(HELLO).await;
    first.until(INDEX).await;
}

#[tokio::test]
async fn silent_clients_do_not_use_up_the_reserve() {
    let app = app_with(Limits {
        connections: 1,
        reserve: 3,
        // No client is cut off for being slow.
        reserve_time: Duration::from_hours(1),
        header_time: Duration::from_hours(1),
        ..Limits::default()
    })
    .await;
    let _busy = busy(&app).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(app.send("").await);
    }
    assert_eq!(app.get("/__lbheartbeat__").await.status(), 200);
}

#[tokio::test]
async fn a_silent_client_of_the_reserve_is_soon_cut_off() {
    let app = app_with(Limits {
        connections: 1,
        reserve_time: Duration::from_millis(100),
        ..Limits::default()
    })
    .await;
    let _busy = busy(&app).await;
    for beginning in ["", HALF_A_HEADER] {
        assert_eq!(app.send(beginning).await.rest().await, "");
    }
}
