//! The whole web service: bound to its port, connected to its database, ready to run.

use std::{io, net::SocketAddr};

use bare_http::Limits;
use sea_orm::DatabaseConnection;

use crate::{Settings, router};

/// The web service.
#[derive(Debug)]
pub struct App {
    http: bare_http::App,
    db: DatabaseConnection,
    settings: Settings,
}

impl App {
    /// Binds the port, then waits for the database (see [`db::connect`]).
    ///
    /// # Errors
    /// The address is in use, or the database cannot be used.
    pub async fn build(settings: &Settings) -> anyhow::Result<Self> {
        // Before the database, which it may have to wait for: a port in use should be reported at once.
        let http = bare_http::App::bind(&settings.http, &settings.process).await?;
        let patience = Limits::default().request_time;
        let db = db::connect_impatiently(&settings.database, "web", patience).await?;
        Ok(Self {
            http,
            db,
            settings: settings.clone(),
        })
    }

    /// The same as [`build`](Self::build), with an existing connection to the database.
    ///
    /// # Errors
    /// The address is in use.
    pub async fn with_database(
        settings: &Settings,
        db: DatabaseConnection,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            http: bare_http::App::bind(&settings.http, &settings.process).await?,
            db,
            settings: settings.clone(),
        })
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.http.address()
    }

    /// Serves until `shutdown`, then finishes requests in flight: see
    /// [`run_until`](bare_http::App::run_until).
    ///
    /// # Errors
    /// Only before the first connection.
    pub async fn run_until(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let service = router::service(&self.db, &self.settings);
        self.http.run_until(service, shutdown).await
    }
}
