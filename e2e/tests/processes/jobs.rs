//! `worker jobs`, as an operator types it.

use e2e::{
    Backend::{self, Postgres, Sqlite},
    TestDatabase,
    process::Process,
};
use rstest::rstest;
use serde_json::Value;

use crate::service::{PATIENCE, migrated};

/// The exit code of a command, and what it wrote.
async fn jobs(database: &TestDatabase, arguments: &[&str]) -> (i32, String) {
    let all = ["jobs"].iter().chain(arguments).copied();
    // Only the database matters to a command.
    let variables = [("DATABASE_URL", database.url()), ("SMTP_URL", "nonsense")];
    let mut process = Process::start("worker", all, variables);
    let status = process.wait(PATIENCE).await;
    (status.code().unwrap(), process.lines().join("\n"))
}

#[rstest]
#[tokio::test]
async fn a_job_can_be_enqueued_shown_cancelled_and_retried(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(database) = migrated(backend).await else {
        return;
    };
    let payload = r#"{"user_id":7}"#;
    let (code, id) = jobs(&database, &["enqueue", "send_welcome_email", payload]).await;
    assert_eq!(code, 0, "{id}");
    let id = id.as_str();

    let (_, table) = jobs(&database, &["list"]).await;
    assert!(
        table.starts_with("ID") && table.contains(id) && table.contains("available"),
        "{table}"
    );
    let (_, line) = jobs(&database, &["list", "--json", "--state", "available"]).await;
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["id"], id);
    let (_, shown) = jobs(&database, &["show", id]).await;
    assert_eq!(
        serde_json::from_str::<Value>(&shown).unwrap()["payload"]["user_id"],
        7
    );

    assert_eq!(jobs(&database, &["cancel", id]).await.0, 0);
    assert_eq!(jobs(&database, &["cancel", id]).await.0, 1);
    assert_eq!(jobs(&database, &["retry", id]).await.0, 0);
    let (_, stats) = jobs(&database, &["stats", "--json"]).await;
    assert_eq!(
        serde_json::from_str::<Value>(&stats).unwrap()["available"],
        1
    );
    let (_, answer) = jobs(&database, &["cancel", "--queue", "default", "--yes"]).await;
    assert_eq!(answer, "1 cancelled");
    assert_eq!(jobs(&database, &["pause", "default"]).await.0, 0);
    assert_eq!(jobs(&database, &["limit", "default", "3"]).await.0, 0);
    let (_, stats) = jobs(&database, &["stats"]).await;
    assert!(stats.contains("default is paused since"), "{stats}");
    assert!(stats.contains("default runs at most 3 at once"), "{stats}");
    assert_eq!(jobs(&database, &["resume", "default"]).await.0, 0);
    assert_eq!(jobs(&database, &["limit", "default"]).await.0, 0);
    let (_, stats) = jobs(&database, &["stats"]).await;
    assert!(
        !stats.contains("paused") && !stats.contains("at most"),
        "{stats}"
    );
}

#[tokio::test]
async fn a_queue_that_may_be_misspelt_is_pointed_out() {
    let database = migrated(Sqlite).await.unwrap();
    let (code, answer) = jobs(&database, &["pause", "biling"]).await;
    assert_eq!(code, 0, "{answer}");
    assert!(answer.contains("is the name right?"), "{answer}");
    let (code, answer) = jobs(&database, &["limit", "high priority", "1"]).await;
    assert_eq!(code, 1, "{answer}");
    assert!(answer.contains("no name of a queue"), "{answer}");
}

#[rstest]
#[case::id(&["show", "01890000-0000-7000-8000-000000000000"], "there is no job")]
#[case::retried_id(&["retry", "01890000-0000-7000-8000-000000000000"], "there is no job")]
#[case::cancelled_id(&["cancel", "01890000-0000-7000-8000-000000000000"], "there is no job")]
#[case::no_id(&["show", "x"], "\"x\" is no job id")]
#[case::kind(&["enqueue", "send_nothing", "{}"], "there is no such task; this worker knows")]
#[case::payload(&["enqueue", "send_welcome_email", "{}"], "the payload is not this task's")]
#[case::filter(&["cancel"], "an id is needed")]
#[case::unconfirmed(&["cancel", "--queue", "default"], "say --yes")]
#[tokio::test]
async fn an_impossible_command_is_explained_with_exit_code_1(
    #[case] arguments: &[&str],
    #[case] reason: &str,
) {
    let database = migrated(Sqlite).await.unwrap();
    let payload = r#"{"user_id":7}"#;
    jobs(&database, &["enqueue", "send_welcome_email", payload]).await;
    let (code, text) = jobs(&database, arguments).await;
    assert_eq!(code, 1, "{text}");
    assert!(
        text.starts_with("error: ") && text.contains(reason),
        "{text}"
    );
}
