//! A user signs up, on both databases: the row, the job, the e-mail.

use db::{entities::user, tasks::SendWelcomeEmail};
use e2e::{Backend, TestApp};
use rstest::rstest;
use sea_orm::{EntityTrait as _, PaginatorTrait as _};
use serde_json::{Value, json};

use crate::server::Server;

#[rstest]
#[tokio::test]
async fn a_new_user_gets_a_welcome_mail(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(app) = TestApp::start(backend).await else {
        return;
    };
    let ada = json!({"name": "ada", "email": "ada@example.net"});
    let response = app.post("/user", &ada).await;
    assert_eq!(response.status(), 202);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let user = user::Entity::find_by_name("ada")
        .one(&app.database.db)
        .await
        .unwrap()
        .unwrap();
    app.assert_enqueued(|task: &SendWelcomeEmail| task.user_id == user.id)
        .await;

    app.run_pending_jobs().await;
    let mails = app.smtp.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, ["ada@example.net"]);
    let job: Value = app.get(&location).await.json().await.unwrap();
    assert_eq!(job["state"], "completed");
    let id = job["id"].as_str().unwrap();
    assert!(mails[0].header("Message-ID").unwrap().contains(id));
}

#[rstest]
#[case::name(json!({"name": "ada", "email": "b@example.net"}), "/name")]
#[case::email(json!({"name": "bob", "email": "ada@example.net"}), "/email")]
#[tokio::test]
async fn a_sign_up_with_a_taken_value_leaves_no_row_and_no_job(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[case] second: Value,
    #[case] pointer: &str,
) {
    let Some(app) = TestApp::start(backend).await else {
        return;
    };
    let ada = json!({"name": "ada", "email": "ada@example.net"});
    app.post("/user", &ada).await;
    let response = app.post("/user", &second).await;
    assert_eq!(response.status(), 409);
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["errors"][0]["pointer"], pointer);
    assert_eq!(
        user::Entity::find().count(&app.database.db).await.unwrap(),
        1
    );
    assert_eq!(app.enqueued::<SendWelcomeEmail>().await.len(), 1);
    app.leaves_jobs();
}

#[rstest]
#[tokio::test]
async fn only_one_of_many_concurrent_sign_ups_gets_a_name(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(app) = TestApp::start(backend).await else {
        return;
    };
    let requests = (0..8).map(|number| {
        let user = json!({"name": "ada", "email": format!("{number}@example.net")});
        app.request(reqwest::Method::POST, "/user")
            .json(&user)
            .send()
    });
    let mut answers: Vec<u16> = futures_util::future::join_all(requests)
        .await
        .into_iter()
        .map(|answer| answer.unwrap().status().as_u16())
        .collect();
    answers.sort_unstable();
    assert_eq!(answers, [202, 409, 409, 409, 409, 409, 409, 409]);
    assert_eq!(app.enqueued::<SendWelcomeEmail>().await.len(), 1);
    app.leaves_jobs();
}

#[rstest]
#[tokio::test]
async fn a_user_or_job_that_cannot_exist_is_a_404(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(app) = TestApp::start(backend).await else {
        return;
    };
    for path in [
        "/user/nobody",
        "/user/%00",
        "/job/nothing",
        "/job/01890000-0000-7000-8000-000000000000",
    ] {
        assert_eq!(app.get(path).await.status(), 404, "{path}");
    }
}

#[rstest]
#[tokio::test]
#[should_panic(expected = "jobs were left behind")]
async fn a_test_that_leaves_jobs_behind_fails(#[values(Backend::Sqlite)] backend: Backend) {
    let app = TestApp::start(backend).await.unwrap();
    let ada = json!({"name": "ada", "email": "ada@example.net"});
    app.post("/user", &ada).await;
}

#[tokio::test]
async fn the_document_describes_a_sign_up_and_its_errors() {
    let document: Value = Server::start()
        .await
        .get("/api/v1/openapi.json")
        .await
        .json()
        .await
        .unwrap();
    let operation = &document["paths"]["/user"]["post"];
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(body["$ref"], "#/components/schemas/NewUser");
    let error = &operation["responses"]["default"]["content"]["application/problem+json"]["schema"];
    assert_eq!(error["$ref"], "#/components/schemas/Problem");

    let fields = &document["components"]["schemas"]["NewUser"]["properties"];
    assert_eq!(fields["name"]["maxLength"], 100);
    assert!(fields["name"]["pattern"].is_string());
    assert_eq!(fields["email"]["format"], "email");
}
