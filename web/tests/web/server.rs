//! The service as a server: for tests of what goes over the wire, on a free port and SQLite. What depends on
//! the database is tested on both kinds, with [`e2e::TestApp`].

use std::{io, net::SocketAddr, time::Duration};

use reqwest::{Client, RequestBuilder, Response, header};
use sea_orm::DatabaseConnection;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};
use web::{App, Limits, Settings};

/// Far more than anything here takes, so that what never happens fails a test instead of hanging it.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Server {
    pub db: DatabaseConnection,
    pub address: SocketAddr,
    client: Client,
    shutdown: oneshot::Sender<()>,
    running: JoinHandle<io::Result<()>>,
    folder: TempDir,
}

impl Server {
    pub async fn start() -> Self {
        Self::start_with(&[], Limits::default()).await
    }

    pub async fn start_with(variables: &[(&str, &str)], limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(&folder, variables);
        let db = db::connect(&settings.database, "test").await.unwrap();
        migration::SCHEMA.up(&db, None).await.unwrap();

        let app = App::with_database(&settings, db.clone())
            .await
            .unwrap()
            .limits(limits);
        let address = app.address();
        let (shutdown, ordered) = oneshot::channel();
        let ordered = async move { drop(ordered.await) };
        let running = tokio::spawn(app.run_until(ordered));
        let client = Client::builder().timeout(PATIENCE).build().unwrap();
        Self {
            db,
            address,
            client,
            shutdown,
            running,
            folder,
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

    /// Sends a body as JSON, whether it is JSON or not.
    pub async fn post_user(&self, body: impl Into<reqwest::Body>) -> Response {
        let request = self.request("POST", "/user").body(body);
        request
            .header(header::CONTENT_TYPE, "application/json")
            .send()
            .await
            .unwrap()
    }

    /// Sends these bytes over a connection of its own, which stays open.
    pub async fn send(&self, bytes: &str) -> Connection {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        Connection(stream)
    }

    pub fn shut_down(self) -> ShuttingDown {
        self.shutdown.send(()).unwrap();
        ShuttingDown {
            running: self.running,
            folder: self.folder,
        }
    }
}

/// A service that was told to stop.
pub struct ShuttingDown {
    running: JoinHandle<io::Result<()>>,
    folder: TempDir,
}

impl ShuttingDown {
    pub async fn ends(self) {
        in_time(self.running).await.unwrap().unwrap();
        self.folder.close().unwrap();
    }
}

/// A connection on which a test says every byte itself.
pub struct Connection(TcpStream);

impl Connection {
    pub async fn send(&mut self, bytes: &str) {
        self.0.write_all(bytes.as_bytes()).await.unwrap();
    }

    /// All that arrives until the server closes the connection.
    pub async fn rest(mut self) -> String {
        let mut bytes = Vec::new();
        // A connection that is cut off may end with a reset.
        let _ = in_time(self.0.read_to_end(&mut bytes)).await;
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// What arrives up to and with `end`.
    pub async fn until(&mut self, end: &str) -> String {
        let mut text = String::new();
        while !text.contains(end) {
            let byte = in_time(self.0.read_u8()).await;
            text.push(byte.expect("the connection ended early").into());
        }
        text
    }
}

pub fn settings(folder: &TempDir, variables: &[(&str, &str)]) -> Settings {
    let database = format!("sqlite://{}", folder.path().join("test.db").display());
    let defaults = [
        ("DATABASE_URL", &*database),
        ("HOST", "127.0.0.1"),
        ("PORT", "0"),
    ];
    let variables = defaults.iter().chain(variables).copied();
    dockerflow::settings::try_load_from(["web"], variables).unwrap()
}

pub async fn in_time<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("this takes too long")
}

/// The problem in a response with this status, in the form that every problem has.
pub async fn problem(response: Response, status: u16) -> Value {
    let head = format!("{response:?}");
    assert_eq!(response.status(), status, "{head}");
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "application/problem+json"
    );
    let request_id = response.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let path = response.url().path().to_owned();

    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["type"], "about:blank");
    assert_eq!(problem["status"], status);
    assert_eq!(problem["instance"], path);
    assert_eq!(problem["request_id"], request_id);
    assert!(!problem["title"].as_str().unwrap().is_empty());
    assert!(!problem["detail"].as_str().unwrap().is_empty());
    problem
}

/// The pointers of a problem's errors, in their order.
pub fn pointers(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().into_iter().flatten();
    errors
        .map(|error| error["pointer"].as_str().unwrap())
        .collect()
}
