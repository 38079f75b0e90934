//! Cleans up on a shared server (`TEST_DATABASE_URL`): a test process may be killed at any moment,
//! so each one removes what earlier ones left behind.

use std::{sync::mpsc, thread};

use sqlx::{ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};
use url::Url;
use uuid::Uuid;

use super::admin;

/// Databases whose process no longer has its connection. The list of databases is read before the
/// list of connections, and a process connects first, so no database in use is listed.
const ABANDONED: &str = r"
    SELECT datname::text FROM pg_database
    WHERE datname ~ '^test_[0-9a-f]{32}_[0-9]+$'
      AND substr(datname, 1, 37) NOT IN (SELECT application_name FROM pg_stat_activity)";

/// The prefix for the names of this process's databases. A connection with this application name is
/// open until the process ends, and shows that they are in use.
pub(super) fn join(server: &Url) -> sqlx::Result<String> {
    let prefix = format!("test_{}", Uuid::new_v4().simple());
    let options = PgConnectOptions::from_url(server)?.application_name(&prefix);
    let (say_joined, joined) = mpsc::channel();
    let server = server.clone();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(async {
            match hold(&options, &server).await {
                Ok(connection) => {
                    let _ = say_joined.send(Ok(()));
                    std::future::pending::<()>().await;
                    drop(connection);
                }
                Err(error) => drop(say_joined.send(Err(error))),
            }
        });
    });
    joined.recv().expect("the thread answers before it ends")?;
    Ok(prefix)
}

async fn hold(options: &PgConnectOptions, server: &Url) -> sqlx::Result<PgConnection> {
    let mut connection = options.connect().await?;
    let abandoned: Vec<String> = sqlx::query_scalar(ABANDONED)
        .fetch_all(&mut connection)
        .await?;
    for name in abandoned {
        // Another process may drop it at the same time, and then one of the two fails.
        let statement = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        let _ = admin::execute(server, &[statement]).await;
    }
    connection.ping().await?;
    Ok(connection)
}
