//! axum with nothing around it.

use axum::{Router, routing::get};
use tokio::net::TcpListener;

use crate::child::say;

pub async fn serve() -> anyhow::Result<()> {
    let app = Router::new().route("/", get(|| async { "We are open." }));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    say(&listener.local_addr()?)?;
    Ok(axum::serve(listener, app).await?)
}
