//! A service that starts before its database.

use db::entities::worker;
use e2e::{
    Backend::{Postgres, Sqlite},
    TestDatabase,
    postgres::{Server, StopMode},
    process::{Process, Signal, free_port},
};
use sea_orm::{ConnectionTrait, EntityTrait, PaginatorTrait, Statement};

use crate::service::{PATIENCE, Web, log, migrated, service_name, start_worker, stop, until};

async fn says_that_it_waits(process: &Process) {
    let says_so = |line: &str| line.contains("waiting for the database");
    process.wait_for_line(says_so, PATIENCE).await;
}

#[tokio::test]
async fn web_and_worker_wait_for_a_database_that_is_down_and_log_it() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let database = TestDatabase::migrated_on(&server, "late").await;
    server.stop(StopMode::Fast);

    let web = Web::spawn(database.url(), &[]);
    let mut worker = start_worker(database.url(), &[]);
    says_that_it_waits(&web).await;
    says_that_it_waits(&worker).await;
    server.start_again();

    let mut web = Web::listening(web).await;
    let job = web.sign_up("ada").await;
    web.completes(&job).await;
    stop(&mut web.process, Signal::TERM).await;
    stop(&mut worker, Signal::TERM).await;
    let password = server.url("late");
    let password = password.split([':', '@']).nth(2).unwrap();
    for line in [log(&web.process), log(&worker)].concat() {
        assert!(!line.to_string().contains(password), "{line}");
    }
}

#[tokio::test]
async fn a_worker_that_starts_on_a_read_only_database_waits_until_it_takes_writes() {
    let Some(database) = migrated(Postgres).await else {
        return;
    };
    let alter = async |change| {
        let sql = format!(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I {change}', current_database()); END $$"
        );
        database.execute(&sql).await;
    };
    alter("SET default_transaction_read_only = on").await;
    let waiting = start_worker(database.url(), &[]);
    says_that_it_waits(&waiting).await;
    alter("RESET default_transaction_read_only").await;
    until(async || worker::Entity::find().count(&database.db).await.unwrap() == 1).await;
}

#[tokio::test]
async fn a_process_that_waits_for_the_database_can_be_stopped() {
    let url = format!("postgres://127.0.0.1:{}/none", free_port());
    for mut process in [Web::spawn(&url, &[]), start_worker(&url, &[])] {
        says_that_it_waits(&process).await;
        stop(&mut process, Signal::TERM).await;
    }
}

#[tokio::test]
async fn a_migration_that_waits_can_be_stopped_and_fails() {
    let url = format!("postgres://127.0.0.1:{}/none", free_port());
    let mut migration = Process::start("migration", ["wait"], [("DATABASE_URL", url.as_str())]);
    says_that_it_waits(&migration).await;
    migration.signal(Signal::TERM);
    let status = migration.wait(PATIENCE).await;
    // An unhandled signal would leave no code.
    assert_eq!(status.code(), Some(1), "{:?}", migration.lines());
}

#[tokio::test]
async fn postgresql_shows_which_service_and_process_a_session_belongs_to() {
    let Some(database) = migrated(Postgres).await else {
        return;
    };
    let web = Web::start(database.url(), &[]).await;
    let _worker = start_worker(database.url(), &[]);
    web.completes(&web.sign_up("ada").await).await;
    for process in ["web", "worker", "worker-queue", "worker-listener"] {
        let sql = format!(
            "SELECT 1 FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = '{}-{process}'",
            service_name()
        );
        let sessions = Statement::from_string(database.db.get_database_backend(), sql);
        until(async || {
            let found = database.db.query_one_raw(sessions.clone()).await;
            found.unwrap().is_some()
        })
        .await;
    }
}

#[tokio::test]
async fn a_binary_of_the_workspace_is_built_and_started() {
    let mut migration = Process::start("migration", ["--help"], []);
    assert!(
        migration.wait(PATIENCE).await.success(),
        "{:?}",
        migration.lines()
    );
}

/// Whether this process ignores SIGHUP, as one that nohup started. Then those that it starts do, too.
fn ignores_hangups() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    u64::from_str_radix(ignored.unwrap().trim(), 16).unwrap() & 1 == 1
}

#[tokio::test]
async fn a_process_whose_terminal_closes_stops_as_when_a_platform_asks_unless_nohup_started_it() {
    let database = migrated(Sqlite).await.unwrap();
    let mut web = Web::start(database.url(), &[]).await;
    web.sign_up("ada").await;
    if ignores_hangups() {
        web.process.signal(Signal::HUP);
        web.sign_up("grace").await;
        return;
    }
    stop(&mut web.process, Signal::HUP).await;
    let mut worker = start_worker(database.url(), &[]);
    until(async || worker::Entity::find().count(&database.db).await.unwrap() == 1).await;
    stop(&mut worker, Signal::HUP).await;
    assert_eq!(worker::Entity::find().count(&database.db).await.unwrap(), 0);
}
