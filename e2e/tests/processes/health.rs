//! What `/__heartbeat__` of a `web` process says of the schema. It serves whatever that is.

use e2e::{
    Backend::{self, Postgres, Sqlite},
    TestDatabase,
};
use rstest::rstest;

use crate::service::Web;

#[rstest]
#[tokio::test]
async fn web_serves_while_migrations_are_pending_and_says_which(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(database) = TestDatabase::empty(backend).await else {
        return;
    };
    migration::up(&database.db, Some(1)).await.unwrap();
    let web = Web::start(database.url(), &[]).await;
    assert_eq!(web.get("/ada").await.status(), 200);
    let heartbeat = web.heartbeat().await;
    assert_eq!(heartbeat["status"], "warning");
    assert_eq!(heartbeat["checks"]["database"], "ok");
    let said = heartbeat["details"]["migrations"]["messages"].to_string();
    assert!(
        said.contains("pending: m20261120_000002_create_job"),
        "{said}"
    );
}

#[rstest]
#[tokio::test]
async fn web_serves_on_a_schema_that_is_ahead_of_it_and_says_so(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(database) = TestDatabase::migrated(backend).await else {
        return;
    };
    database
        .execute("INSERT INTO seaql_migrations VALUES ('m29991231_000000_later', 0)")
        .await;
    let web = Web::start(database.url(), &[]).await;
    web.sign_up("ada").await;
    let heartbeat = web.heartbeat().await;
    assert_eq!(heartbeat["status"], "warning");
    let said = heartbeat["details"]["migrations"]["messages"].to_string();
    assert!(said.contains("ahead: m29991231_000000_later"), "{said}");
}
