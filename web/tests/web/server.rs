//! Runs the service on a free port and SQLite, for tests of what goes over the wire. What depends
//! on the database is tested on both kinds, with [`e2e::TestApp`].

#![allow(dead_code, reason = "helpers for the tests that you write")]

use std::{future::pending, net::SocketAddr, time::Duration};

use reqwest::{Client, RequestBuilder, Response, header};
use sea_orm::DatabaseConnection;
use tempfile::TempDir;
use web::{App, Settings};

/// Far more than anything here takes, so that a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Server {
    pub db: DatabaseConnection,
    address: SocketAddr,
    client: Client,
    _folder: TempDir,
}

impl Server {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(&folder, &[]);
        let db = db::connect(&settings.database, "test").await.unwrap();
        migration::SCHEMA.up(&db, None).await.unwrap();

        let app = App::with_database(&settings, db.clone()).await.unwrap();
        let address = app.address();
        tokio::spawn(app.run_until(pending()));
        let client = Client::builder().timeout(PATIENCE).build().unwrap();
        Self {
            db,
            address,
            client,
            _folder: folder,
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
    pub async fn post_user(&self, body: impl Into<reqwest::Body>) -> Response {
        let request = self.request("POST", "/user").body(body);
        request
            .header(header::CONTENT_TYPE, "application/json")
            .send()
            .await
            .unwrap()
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
