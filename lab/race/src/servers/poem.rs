//! poem with nothing around it.

use fixture::order;
use poem::{
    EndpointExt as _, Route, Server, get, handler,
    http::StatusCode,
    listener::{Acceptor as _, Listener as _, TcpListener},
    web::{Data, Json, Path},
};
use sea_orm::DatabaseConnection;
use serde::Serialize;

use crate::child::say;

#[handler]
fn index() -> &'static str {
    "We are open."
}

#[derive(Serialize)]
struct Order {
    name: String,
    email: String,
}

#[handler]
async fn find(
    Path(name): Path<String>,
    db: Data<&DatabaseConnection>,
) -> poem::Result<Json<Order>> {
    let found = order::Entity::find_by_name(name).one(*db).await;
    let found = found.map_err(poem::error::InternalServerError)?;
    let order::Model { name, email, .. } = found.ok_or(StatusCode::NOT_FOUND)?;
    Ok(Json(Order { name, email }))
}

pub async fn serve() -> anyhow::Result<()> {
    run(Route::new().at("/", get(index))).await
}

pub async fn serve_orders(url: &str) -> anyhow::Result<()> {
    let settings = bare_database::Settings {
        database_url: url.parse()?,
        database_pool_size: 10,
    };
    let db = bare_database::connect(&settings, "race").await?;
    run(Route::new().at("/order/:name", get(find)).data(db)).await
}

async fn run(app: impl poem::Endpoint + 'static) -> anyhow::Result<()> {
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await?;
    for address in acceptor.local_addr() {
        if let Some(address) = address.as_socket_addr() {
            say(address)?;
        }
    }
    Ok(Server::new_with_acceptor(acceptor).run(app).await?)
}
