//! What is in the log, and what must not be.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, OnceLock},
};

use sea_orm::ConnectionTrait as _;

use crate::server::{Server, settings};

static ANOTHER: OnceLock<tracing::Dispatch> = OnceLock::new();

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Starts for this thread, on which the test and its service run.
    fn start() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let settings = settings(&tempfile::tempdir().unwrap(), &[("LOG_LEVEL", "debug")])
            .process
            .log;
        // With a single subscriber, tracing asks only the thread that first meets an event whether
        // it is enabled, which may be another test's. So there are always two.
        ANOTHER.get_or_init(|| dockerflow::log::subscriber("web", &settings, io::sink).into());
        let subscriber = dockerflow::log::subscriber("web", &settings, move || writer.clone());
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test]
async fn no_part_of_a_body_is_logged() {
    let (log, _guard) = Log::start();
    let app = Server::start().await;
    for body in [
        r#"{"name":"s3cret","email":"s3cret@example.net"}"#,
        r#"{"name":"s3cret","email":"s3cret@example.net"}"#,
        r#"{"name":"s3cret","email":"s3cret"}"#,
        r#"{"name":"s3cret"#,
    ] {
        app.post_user(body).await;
    }
    let text = log.text();
    assert_eq!(text.matches("request.summary").count(), 4, "{text}");
    assert!(!text.contains("s3cret"), "{text}");
}

#[tokio::test]
async fn the_cause_of_a_5xx_is_logged_with_the_request_id() {
    let (log, _guard) = Log::start();
    let app = Server::start().await;
    app.db
        .execute_unprepared(r#"DROP TABLE "user""#)
        .await
        .unwrap();
    app.request("GET", "/user/ada")
        .header("x-request-id", "my-request")
        .send()
        .await
        .unwrap();

    let text = log.text();
    let line = text
        .lines()
        .find(|line| line.contains("the request failed"))
        .unwrap();
    assert!(line.contains("no such table"), "{line}");
    assert!(line.contains("my-request"), "{line}");
}
