//! Statements of the tools themselves. Each uses a new connection, because a connection belongs to
//! the runtime that opened it, and every test has its own runtime.

use std::thread;

use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, postgres::PgConnectOptions};
use url::Url;

/// The URL of a database on the server that another URL names.
pub(super) fn database_url(server: &Url, database: &str) -> String {
    let mut url = server.clone();
    url.set_path(&format!("/{database}"));
    url.into()
}

/// Runs statements one by one, outside a transaction.
pub(super) async fn execute(server: &Url, statements: &[String]) -> sqlx::Result<()> {
    let options = PgConnectOptions::from_url(server)?.disable_statement_logging();
    let mut connection = options.connect().await?;
    for statement in statements {
        sqlx::raw_sql(AssertSqlSafe(statement.as_str()))
            .execute(&mut connection)
            .await?;
    }
    connection.close().await
}

/// Awaits a future from synchronous code, even on a thread of a runtime.
pub(super) fn block_on<T: Send>(future: impl Future<Output = T> + Send) -> T {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.expect("a runtime").block_on(future)
        });
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
