//! Two processes write to one SQLite file at the same time, and one of them is killed.

use std::{sync::Arc, time::Duration};

use bare_queue::{
    JobState,
    entities::{finished_job, job},
};
use e2e::{Backend::Sqlite, process::Signal};
use sea_orm::{EntityTrait, PaginatorTrait};
use tokio::task::JoinSet;

use crate::service::{Web, migrated, start_worker, stop, until};

const POSTS: u32 = 200;

/// After this many posts the worker is killed, and another one started.
const KILLED_AFTER: u32 = 100;

/// The pause between two posts: 50 per second.
const PAUSE: Duration = Duration::from_millis(20);

#[tokio::test]
async fn web_and_worker_share_one_sqlite_file_under_load() {
    let database = migrated(Sqlite).await.expect("SQLite is always there");
    let web = Arc::new(Web::start(database.url(), &[]).await);
    let lease = [("JOB_LEASE_SECONDS", "2")];
    let mut killed = start_worker(database.url(), &lease);
    let mut worker = None;

    let mut ticks = tokio::time::interval(PAUSE);
    let mut posts = JoinSet::new();
    for number in 0..POSTS {
        ticks.tick().await;
        if number == KILLED_AFTER {
            killed.signal(Signal::KILL);
            worker = Some(start_worker(database.url(), &lease));
        }
        let web = Arc::clone(&web);
        // It panics on any other answer than 202.
        posts.spawn(async move { web.sign_up(&format!("user-{number}")).await });
    }
    assert_eq!(posts.join_all().await.len(), POSTS as usize);
    let db = &database.db;
    until(async || job::Entity::find().count(db).await.unwrap() == 0).await;

    let (mut web, mut worker) = (Arc::into_inner(web).unwrap(), worker.unwrap());
    stop(&mut web.process, Signal::TERM).await;
    stop(&mut worker, Signal::TERM).await;
    let jobs = finished_job::Entity::find().all(db).await.unwrap();
    assert_eq!(jobs.len(), POSTS as usize);
    for job in jobs {
        assert_eq!((job.state, job.attempt), (JobState::Completed, 1));
    }
    for line in [web.process.lines(), killed.lines(), worker.lines()].concat() {
        assert!(!line.contains("locked") && !line.contains("busy"), "{line}");
    }
}
