//! The whole service in a test: web on a free port, the code of the worker, a database and a mail
//! server. All of them are real.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use bare_queue::{Task, entities::job, testing::pass};
use bare_testkit::{Backend, connect, settings, smtp::SmtpServer};
use reqwest::{Method, Response};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use worker::Registry;

use crate::{database::TestDatabase, jobs::run_pending_jobs};

/// A service for one test. Dropping it fails a test that left jobs behind: see
/// [`TestApp::run_pending_jobs`] and [`TestApp::leaves_jobs`].
pub struct TestApp {
    /// Its database.
    pub database: TestDatabase,
    /// The server that receives its mail.
    pub smtp: SmtpServer,
    address: SocketAddr,
    client: reqwest::Client,
    variables: Vec<(String, String)>,
    stop: CancellationToken,
    web: JoinHandle<()>,
    leaves_jobs: AtomicBool,
}

impl TestApp {
    /// Starts it. `None` if there is no PostgreSQL for this test.
    pub async fn start(backend: Backend) -> Option<Self> {
        Self::start_with(backend, &[]).await
    }

    /// Starts it with additional settings for web and for the workers that run its jobs.
    pub async fn start_with(backend: Backend, variables: &[(&str, &str)]) -> Option<Self> {
        let database = TestDatabase::migrated(backend).await?;
        let mut all = vec![
            ("DATABASE_URL", database.url()),
            ("HOST", "127.0.0.1"),
            ("PORT", "0"),
        ];
        all.extend(variables);
        let settings: web::Settings = settings("web", &all);
        let app = web::App::with_database(&settings, database.db.clone()).await;
        let app = app.expect("web starts");
        let address = app.address();
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let web = tokio::spawn(async move { app.run_until(stopped).await.expect("web serves") });
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        Some(Self {
            database,
            smtp: SmtpServer::start(),
            address,
            client: client.build().expect("a client"),
            variables: variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            stop,
            web,
            leaves_jobs: AtomicBool::new(false),
        })
    }

    /// The address that web listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A request to complete and send.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client
            .request(method, format!("http://{}{path}", self.address))
    }

    /// Sends a GET.
    pub async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path)
            .send()
            .await
            .expect("an answer")
    }

    /// Sends a POST with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Response {
        self.request(Method::POST, path)
            .json(body)
            .send()
            .await
            .expect("an answer")
    }

    /// Sends a POST with any other body.
    pub async fn post_raw(
        &self,
        path: &str,
        content_type: &str,
        body: impl Into<reqwest::Body>,
    ) -> Response {
        let request = self
            .request(Method::POST, path)
            .header("content-type", content_type);
        request.body(body).send().await.expect("an answer")
    }

    /// The payloads of a task's unfinished jobs, oldest first.
    pub async fn enqueued<T: Task>(&self) -> Vec<T> {
        let jobs = job::Entity::find()
            .filter(job::Column::Kind.eq(T::KIND))
            .all(&self.database.db);
        let mut jobs = jobs.await.expect("the jobs");
        jobs.sort_by_key(|job| job.id);
        jobs.into_iter()
            .map(|job| serde_json::from_value(job.payload).expect("the task's payload"))
            .collect()
    }

    /// Asserts that an unfinished job of a task has the expected payload.
    pub async fn assert_enqueued<T: Task>(&self, is_expected: impl Fn(&T) -> bool) {
        let found = self.enqueued::<T>().await;
        assert!(
            found.iter().any(is_expected),
            "no such job of {} among {}",
            T::KIND,
            found.len()
        );
    }

    /// Runs all due jobs, and the jobs that they enqueue, with the tasks of the service.
    pub async fn run_pending_jobs(&self) {
        self.run_pending_jobs_of(worker::tasks::registry()).await;
    }

    /// As [`run_pending_jobs`](Self::run_pending_jobs), with other tasks.
    pub async fn run_pending_jobs_of(&self, tasks: Registry) {
        let smtp = self.smtp.url();
        let mut variables = vec![("SMTP_URL", smtp.as_str())];
        let more = self.variables.iter();
        variables.extend(more.map(|(name, value)| (name.as_str(), value.as_str())));
        run_pending_jobs(&self.database, tasks, &variables).await;
    }

    /// Lets `time` pass for jobs that wait until they are due.
    pub async fn pass(&self, time: Duration) {
        pass(&self.database.db, time).await;
    }

    /// Declares that this test leaves jobs behind on purpose.
    pub fn leaves_jobs(&self) {
        self.leaves_jobs.store(true, Ordering::Relaxed);
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.stop.cancel();
        self.web.abort();
        if thread::panicking() || self.leaves_jobs.load(Ordering::Relaxed) {
            return;
        }
        let url = self.database.url().to_owned();
        let left = thread::spawn(move || count_unfinished(&url))
            .join()
            .expect("a count");
        assert_eq!(
            left, 0,
            "jobs were left behind: call run_pending_jobs() or leaves_jobs()"
        );
    }
}

fn count_unfinished(url: &str) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let db = connect(url).await;
        let count = job::Entity::find().count(&db).await.expect("a count");
        db.close().await.expect("a closed pool");
        count
    })
}
