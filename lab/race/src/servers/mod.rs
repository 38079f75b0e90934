//! The servers, each answering the same requests.

mod axum;
pub mod flask;
mod ours;
mod poem;

use serde::{Deserialize, Serialize};

use crate::child::Variables;

/// Who answers, and how it is set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Server {
    /// Our web and its log, with these variables in its environment.
    Ours {
        profile: String,
        variables: Variables,
        /// Whether somebody reads its log.
        is_read: bool,
    },
    /// poem with one route and no middleware.
    Poem,
    /// poem with one SeaORM query and no middleware.
    PoemWithSeaOrm { url: String },
    /// axum with one route and no middleware.
    Axum,
    /// Flask, SQLAlchemy and a log of JSON lines, under gunicorn as it comes or at its best.
    Flask { url: String, is_tuned: bool },
}

impl Server {
    pub fn is_read(&self) -> bool {
        !matches!(self, Self::Ours { is_read: false, .. })
    }
}

/// Runs a server in this process until it is killed.
pub fn run(server: &Server) -> anyhow::Result<()> {
    match server {
        Server::Ours {
            profile, variables, ..
        } => ours::serve(profile, variables),
        Server::Flask { url, is_tuned } => flask::serve(url, *is_tuned),
        Server::Poem => block_on(poem::serve()),
        Server::PoemWithSeaOrm { url } => block_on(poem::serve_orders(url)),
        Server::Axum => block_on(axum::serve()),
    }
}

fn block_on(server: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Runtime::new()?.block_on(server)
}
