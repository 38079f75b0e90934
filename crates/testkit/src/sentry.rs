//! A Sentry endpoint for tests, which keeps the events that it receives.

use std::{net::SocketAddr, time::Duration};

use poem::{
    EndpointExt as _, Request, Route, Server,
    endpoint::make,
    http::StatusCode,
    listener::{Acceptor as _, Listener as _, TcpListener},
    post,
};
use serde_json::Value;
use tokio::{sync::watch, task::JoinHandle, time::timeout};

/// How long [`SentryServer::wait_for`] waits.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running endpoint. It ends when it is dropped.
#[derive(Debug)]
pub struct SentryServer {
    address: SocketAddr,
    events: watch::Receiver<Vec<Value>>,
    serving: JoinHandle<()>,
}

impl SentryServer {
    /// Starts one on a free port of 127.0.0.1.
    pub async fn start() -> Self {
        let (sender, events) = watch::channel(Vec::new());
        let ingest = make(move |mut request: Request| {
            let sender = sender.clone();
            async move {
                let body = request.take_body().into_string().await?;
                sender.send_modify(|all: &mut Vec<Value>| all.extend(events_of(&body)));
                Ok::<_, poem::Error>(StatusCode::OK)
            }
        });
        let app = Route::new().at("/api/1/envelope/", post(ingest)).boxed();
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await;
        let acceptor = acceptor.expect("a free port");
        let address = acceptor.local_addr()[0].as_socket_addr().copied();
        let serving = tokio::spawn(async move {
            Server::new_with_acceptor(acceptor)
                .run(app)
                .await
                .expect("it serves");
        });
        Self {
            address: address.expect("a socket has an address"),
            events,
            serving,
        }
    }

    /// The value for `SENTRY_DSN`.
    pub fn dsn(&self) -> String {
        format!("http://public@{}/1", self.address)
    }

    /// Waits until there are at least `count` events, and returns all.
    ///
    /// # Panics
    /// If there are fewer after a minute.
    pub async fn wait_for(&self, count: usize) -> Vec<Value> {
        let mut events = self.events.clone();
        let enough = events.wait_for(|events| events.len() >= count);
        if let Ok(enough) = timeout(PATIENCE, enough).await {
            return enough.expect("it serves").clone();
        }
        panic!("{count} events expected, got {:#?}", self.events());
    }

    /// The events so far.
    pub fn events(&self) -> Vec<Value> {
        self.events.borrow().clone()
    }
}

impl Drop for SentryServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The items of an [envelope](https://develop.sentry.dev/sdk/data-model/envelopes/) that are
/// events. An envelope is a header line, followed by two lines for each item.
fn events_of(envelope: &str) -> Vec<Value> {
    let lines: Vec<Value> = envelope
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let items = lines.get(1..).unwrap_or_default().chunks_exact(2);
    let events = items.filter(|item| item[0]["type"] == "event");
    events.map(|item| item[1].clone()).collect()
}
