//! Runs the service on a free port.

use std::{io, net::SocketAddr, time::Duration};

use bare_http::{App, Limits, service};
use conf::Conf;
use dockerflow::{checks::Checks, version::Version};
use reqwest::{Client, RequestBuilder, Response, header};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};

use crate::api::Views;

/// Far more than anything here takes, so that a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Server {
    pub address: SocketAddr,
    client: Client,
    shutdown: oneshot::Sender<()>,
    running: JoinHandle<io::Result<()>>,
}

impl Server {
    pub async fn start() -> Self {
        Self::start_with(&[], Limits::default()).await
    }

    pub async fn start_with(variables: &[(&str, &str)], limits: Limits) -> Self {
        let Settings { http, process } = settings(variables);
        let app = App::bind(&http, &process).await.unwrap().limits(limits);
        let address = app.address();
        let version = Version::load(env!("CARGO_PKG_VERSION"));
        let service = service("Things", Views, version, Checks::new(), &http);
        let (shutdown, ordered) = oneshot::channel();
        let ordered = async move { drop(ordered.await) };
        let running = tokio::spawn(app.run_until(service, ordered));
        let client = Client::builder().timeout(PATIENCE).build().unwrap();
        Self {
            address,
            client,
            shutdown,
            running,
        }
    }

    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = method.parse().unwrap();
        self.client
            .request(method, format!("http://{}{path}", self.address))
    }

    pub async fn get(&self, path: &str) -> Response {
        self.request("GET", path).send().await.unwrap()
    }

    /// Sends a body as JSON, even if it is not JSON.
    pub async fn post_thing(&self, body: impl Into<reqwest::Body>) -> Response {
        let request = self.request("POST", "/thing").body(body);
        request
            .header(header::CONTENT_TYPE, "application/json")
            .send()
            .await
            .unwrap()
    }

    /// Sends these bytes over a new connection, which stays open.
    pub async fn send(&self, bytes: &str) -> Connection {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        Connection(stream)
    }

    pub fn shut_down(self) -> ShuttingDown {
        self.shutdown.send(()).unwrap();
        ShuttingDown {
            running: self.running,
        }
    }
}

/// A service that was told to stop.
pub struct ShuttingDown {
    running: JoinHandle<io::Result<()>>,
}

impl ShuttingDown {
    pub async fn ends(self) {
        in_time(self.running).await.unwrap().unwrap();
    }
}

/// A connection on which a test sends every byte itself.
pub struct Connection(pub TcpStream);

impl Connection {
    pub async fn send(&mut self, bytes: &str) {
        self.0.write_all(bytes.as_bytes()).await.unwrap();
    }

    /// Everything that arrives until the server closes the connection.
    pub async fn rest(mut self) -> String {
        let mut bytes = Vec::new();
        // A connection that is cut off may end with a reset.
        let _ = in_time(self.0.read_to_end(&mut bytes)).await;
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// What arrives, up to and including `end`.
    pub async fn until(&mut self, end: &str) -> String {
        let mut text = String::new();
        while !text.contains(end) {
            let byte = in_time(self.0.read_u8()).await;
            text.push(byte.expect("the connection ended early").into());
        }
        text
    }
}

#[derive(Conf)]
pub struct Settings {
    #[conf(flatten)]
    pub http: bare_http::Settings,

    #[conf(flatten)]
    pub process: dockerflow::ProcessSettings,
}

pub fn settings(variables: &[(&str, &str)]) -> Settings {
    let defaults = [("HOST", "127.0.0.1"), ("PORT", "0")];
    let variables = defaults.iter().chain(variables).copied();
    dockerflow::settings::try_load_from(["test"], variables).unwrap()
}

pub async fn in_time<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("this takes too long")
}
