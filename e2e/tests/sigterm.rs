//! SIGTERM of a worker process with 20 running jobs and 1,000 waiting ones.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use bare_queue::{
    JobState, Task as _, enqueue_many,
    entities::{finished_job, job},
};
use chrono::{DateTime, Utc};
use db::{entities::user, tasks::SendWelcomeEmail};
use e2e::{
    Backend, TestDatabase,
    process::{Process, Signal},
    smtp::{Mail, SmtpServer},
};
use rstest::rstest;
use sea_orm::{DatabaseConnection, EntityTrait as _, PaginatorTrait as _, Set};

const RUNNING: usize = 20;
const WAITING: usize = 1000;

/// The promised time from the signal to the last start of a job.
const LAST_START: chrono::Duration = chrono::Duration::milliseconds(100);

/// A limit for everything else, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

struct Stage {
    database: TestDatabase,
    smtp: SmtpServer,
}

impl Stage {
    /// Enqueues jobs for a worker that is not started yet.
    async fn set(backend: Backend) -> Option<Self> {
        let database = TestDatabase::migrated(backend).await?;
        let txn = bare_database::begin(&database.db).await.unwrap();
        let users = (0..RUNNING + WAITING).map(|number| user::ActiveModel {
            name: Set(format!("user {number}")),
            email: Set(format!("user-{number}@example.net")),
            ..Default::default()
        });
        user::Entity::insert_many(users).exec(&txn).await.unwrap();
        let users = user::Entity::find().all(&txn).await.unwrap();
        let jobs = users
            .iter()
            .map(|user| SendWelcomeEmail { user_id: user.id }.job());
        enqueue_many(&txn, jobs).await.unwrap();
        txn.commit().await.unwrap();
        let smtp = SmtpServer::start();
        Some(Self { database, smtp })
    }

    fn worker(&self, concurrency: usize, grace: Duration) -> Process {
        let (queues, grace) = (
            format!("default:{concurrency}"),
            grace.as_secs().to_string(),
        );
        let variables = [
            ("DATABASE_URL", self.database.url()),
            ("SMTP_URL", &self.smtp.url()),
            ("WORKER_QUEUES", &queues),
            ("SHUTDOWN_GRACE_SECONDS", &grace),
        ];
        Process::start("worker", [], variables)
    }

    /// Starts a worker, sends SIGTERM when all its slots are busy, and returns the time of the
    /// signal and how long it took to end.
    async fn interrupt(&self, grace: Duration) -> (DateTime<Utc>, Duration) {
        let mut worker = self.worker(RUNNING, grace);
        // Wait for running jobs: claimed jobs that have not started would be released.
        wait_until(async || self.smtp.connections() == RUNNING).await;

        let (at, start) = (Utc::now(), Instant::now());
        worker.signal(Signal::TERM);
        let status = worker.wait(PATIENCE).await;
        let took = start.elapsed();
        assert!(status.success(), "{status}: {:#?}", worker.lines());
        assert!(took <= grace + Duration::from_secs(1), "{took:?}");
        (at, took)
    }

    /// The unfinished jobs. Asserts that no worker holds them and that they have no attempt.
    async fn untouched(&self) -> Vec<job::Model> {
        let jobs = job::Entity::find().all(&self.database.db).await.unwrap();
        for job in &jobs {
            assert_eq!(
                (job.state, job.attempt, job.deaths, &job.errors),
                (JobState::Available, 0, 0, &None),
                "{job:?}"
            );
        }
        jobs
    }

    /// Runs the remaining jobs, and asserts that every user got exactly one mail.
    async fn finish(&self) {
        let mut worker = self.worker(5 * RUNNING, PATIENCE);
        let db = &self.database.db;
        wait_until(async || job::Entity::find().count(db).await.unwrap() == 0).await;
        worker.signal(Signal::TERM);
        worker.wait(PATIENCE).await;
        let mails = self.smtp.mails();
        let receivers: HashSet<&String> = mails.iter().flat_map(|mail: &Mail| &mail.to).collect();
        assert_eq!(
            (mails.len(), receivers.len()),
            (RUNNING + WAITING, RUNNING + WAITING)
        );
    }
}

async fn wait_until(is_so: impl AsyncFn() -> bool) {
    let start = Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn finished(db: &DatabaseConnection) -> Vec<finished_job::Model> {
    finished_job::Entity::find().all(db).await.unwrap()
}

#[rstest]
#[tokio::test]
async fn after_sigterm_running_jobs_finish_and_no_job_starts(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(stage) = Stage::set(backend).await else {
        return;
    };
    stage.smtp.slow_down(Duration::from_secs(2));
    let (at, _) = stage.interrupt(Duration::from_secs(10)).await;

    let finished = finished(&stage.database.db).await;
    assert_eq!(finished.len(), RUNNING);
    let untouched = stage.untouched().await;
    let starts = finished.iter().map(|job| job.started_at);
    let starts = starts.chain(untouched.iter().map(|job| job.started_at));
    let last = starts.flatten().max().unwrap();
    assert!(last <= at + LAST_START, "{last} is after {at}");

    stage.smtp.behave();
    stage.finish().await;
}

#[rstest]
#[tokio::test]
async fn jobs_that_outlast_the_grace_period_are_released_at_no_cost(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(stage) = Stage::set(backend).await else {
        return;
    };
    stage.smtp.hang();
    let grace = Duration::from_secs(2);
    let (_, took) = stage.interrupt(grace).await;
    assert!(took >= grace, "{took:?}");

    assert!(finished(&stage.database.db).await.is_empty());
    assert_eq!(stage.untouched().await.len(), RUNNING + WAITING);

    stage.smtp.behave();
    stage.finish().await;
}
