//! Finds the column of a unique constraint on both databases.

use bare_http::Problem;
use bare_testkit::{Backend, TestDatabase};
use poem::{error::ResponseError as _, http::StatusCode};
use rstest::rstest;
use sea_orm::ConnectionTrait as _;
use serde_json::Value;

#[rstest]
#[case::one_word("'new', 'new', 'a'", Some("/key"))]
#[case::several_words("'new', 'a', 'new'", Some("/account_key"))]
#[case::one_that_no_field_stands_for("'a', 'new', 'new'", None)]
#[tokio::test]
async fn a_taken_value_is_recognized_by_the_full_column_name(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[case] values: &str,
    #[case] expected: Option<&str>,
) {
    let Some(database) = TestDatabase::empty(backend).await else {
        return;
    };
    let table = "slug TEXT UNIQUE, account_key TEXT UNIQUE, key TEXT UNIQUE";
    database
        .execute(&format!("CREATE TABLE a_key ({table})"))
        .await;
    database
        .execute("INSERT INTO a_key VALUES ('a', 'a', 'a')")
        .await;
    let insert = format!("INSERT INTO a_key VALUES ({values})");
    let error = database.db.execute_unprepared(&insert).await.unwrap_err();

    let problem = Problem::taken(error, &["key", "account_key"]);
    let status = match expected {
        Some(_) => StatusCode::CONFLICT,
        None => StatusCode::INTERNAL_SERVER_ERROR,
    };
    assert_eq!(problem.status(), status);
    let document = problem.as_response().into_body().into_json::<Value>();
    let document = document.await.unwrap();
    assert_eq!(document["errors"][0]["pointer"].as_str(), expected);
}
