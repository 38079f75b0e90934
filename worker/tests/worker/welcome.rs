//! The welcome e-mail, from the request to the mail server.

use std::time::Duration;

use bare_queue::{JobState, entities::job, testing::reasons};
use db::{entities::user, tasks::SendWelcomeEmail};
use e2e::{
    Backend::{self, Postgres, Sqlite},
    TestApp, the_finished_job,
};
use rstest::rstest;
use sea_orm::EntityTrait;
use serde_json::json;
use uuid::Uuid;

/// A service at which Ada has just signed up, and her job.
async fn ada_signs_up(backend: Backend) -> Option<(TestApp, Uuid)> {
    let app = TestApp::start(backend).await?;
    let ada = json!({"name": "ada", "email": "ada@example.net"});
    assert_eq!(app.post("/user", &ada).await.status(), 202);
    app.assert_enqueued(|task: &SendWelcomeEmail| task.user_id > 0)
        .await;
    let id = the_job(&app).await.id;
    Some((app, id))
}

async fn the_job(app: &TestApp) -> job::Model {
    let job = job::Entity::find().one(&app.database.db).await;
    job.unwrap().expect("an unfinished job")
}

#[rstest]
#[tokio::test]
async fn who_signs_up_is_welcomed(#[values(Sqlite, Postgres)] backend: Backend) {
    let Some((app, id)) = ada_signs_up(backend).await else {
        return;
    };
    app.run_pending_jobs().await;
    let mails = app.smtp.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, ["ada@example.net"]);
    assert_eq!(mails[0].header("Subject").as_deref(), Some("Welcome"));
    assert!(mails[0].body().starts_with("Hello ada,"), "{:?}", mails[0]);
    let job = app.get(&format!("/job/{id}")).await;
    let job: serde_json::Value = job.json().await.unwrap();
    assert_eq!(job["state"], "completed");
}

#[rstest]
#[tokio::test]
async fn who_is_gone_by_then_is_not(#[values(Sqlite, Postgres)] backend: Backend) {
    let Some((app, _)) = ada_signs_up(backend).await else {
        return;
    };
    let db = &app.database.db;
    user::Entity::delete_many().exec(db).await.unwrap();
    app.run_pending_jobs().await;
    assert_eq!(the_finished_job(db).await.state, JobState::Completed);
    assert_eq!(app.smtp.mails(), []);
}

#[rstest]
#[tokio::test]
async fn a_mail_whose_fate_is_unknown_is_sent_again_under_the_same_id(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some((app, id)) = ada_signs_up(backend).await else {
        return;
    };
    app.smtp.drop_after_data(1);
    app.run_pending_jobs().await;
    let job = the_job(&app).await;
    assert_eq!((job.state, job.attempt), (JobState::Scheduled, 1));

    app.pass(Duration::from_secs(18)).await;
    app.run_pending_jobs().await;
    let mails = app.smtp.mails();
    let ids: Vec<_> = mails.iter().map(|mail| mail.header("Message-ID")).collect();
    let expected = Some(format!("<{id}@localhost>"));
    assert_eq!(ids, [expected.clone(), expected]);
}

#[rstest]
#[tokio::test]
async fn a_server_that_is_busy_is_asked_again(#[values(Sqlite, Postgres)] backend: Backend) {
    let Some((app, _)) = ada_signs_up(backend).await else {
        return;
    };
    app.smtp.reply_to_rcpt(1, 451, "<{address}>: try later");
    app.run_pending_jobs().await;
    let errors = the_job(&app).await.errors;
    let expected = ["the mail could not be sent now: the mail server answered 451"];
    assert_eq!(reasons(errors.as_ref()), expected);

    app.pass(Duration::from_secs(18)).await;
    app.run_pending_jobs().await;
    assert_eq!(app.smtp.mails().len(), 1);
}

#[rstest]
#[tokio::test]
async fn an_address_that_the_server_refuses_is_not_tried_again_nor_kept_with_the_job(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some((app, _)) = ada_signs_up(backend).await else {
        return;
    };
    app.smtp
        .reply_to_rcpt(usize::MAX, 550, "<{address}>: no such user");
    app.run_pending_jobs().await;
    let job = the_finished_job(&app.database.db).await;
    assert_eq!((job.state, job.attempt), (JobState::Dead, 1));
    let expected = ["the mail server refused the mail (550)"];
    assert_eq!(reasons(job.errors.as_ref()), expected);
}
