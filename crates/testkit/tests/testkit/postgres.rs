//! The cluster, and the server that a test owns.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use bare_testkit::{
    postgres::{Cluster, Server, StopMode},
    process::{Process, Signal},
};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

const PATIENCE: Duration = Duration::from_mins(1);

/// Set in a process that is started to be killed.
const VICTIM: &str = "TESTKIT_VICTIM";

async fn run(url: &str, statement: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

async fn number(url: &str, query: &'static str) -> i64 {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::query_scalar(query)
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn each_database_is_a_separate_clone_of_its_template() {
    let Some(cluster) = Cluster::get() else {
        return;
    };
    let template = cluster
        .template("one row", async |url| {
            run(&url, "CREATE TABLE t AS SELECT 1 AS id").await;
        })
        .await;
    let first = cluster.create_database(Some(&template)).await;
    let second = cluster.create_database(Some(&template)).await;
    run(&first, "INSERT INTO t VALUES (2)").await;
    assert_eq!(number(&first, "SELECT count(*) FROM t").await, 2);
    assert_eq!(number(&second, "SELECT count(*) FROM t").await, 1);
    cluster.drop_database(&first);
    cluster.drop_database(&second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_is_built_once_for_many_tests() {
    static BUILDS: AtomicUsize = AtomicUsize::new(0);
    let Some(cluster) = Cluster::get() else {
        return;
    };
    let asking = (0..8).map(|_| {
        tokio::spawn(cluster.template("counted", async |_| {
            BUILDS.fetch_add(1, Ordering::Relaxed);
        }))
    });
    for asked in asking.collect::<Vec<_>>() {
        asked.await.unwrap();
    }
    assert_eq!(BUILDS.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_template_can_be_cloned_if_its_builder_left_a_connection_open() {
    let Some(cluster) = Cluster::get() else {
        return;
    };
    let template = cluster
        .template("left open", async |url| {
            std::mem::forget(PgConnection::connect(&url).await.unwrap());
        })
        .await;
    let url = cluster.create_database(Some(&template)).await;
    cluster.drop_database(&url);
}

#[tokio::test]
async fn a_database_in_use_can_be_dropped() {
    let Some(cluster) = Cluster::get() else {
        return;
    };
    let url = cluster.create_database(None).await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    cluster.drop_database(&url);
    assert!(connection.ping().await.is_err());
}

#[tokio::test]
async fn a_crashed_server_restarts_at_the_same_url_with_all_commits() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let url = server.create_database("app");
    run(&url, "CREATE TABLE t AS SELECT 1 AS id").await;
    server.stop(StopMode::Immediate);
    assert!(PgConnection::connect(&url).await.is_err());
    server.start_again();
    assert_eq!(number(&url, "SELECT count(*) FROM t").await, 1);
}

#[tokio::test]
async fn the_server_of_a_test_requires_its_password() {
    let Some(server) = Server::start() else {
        return;
    };
    let mut url = url::Url::parse(&server.url("postgres")).unwrap();
    url.set_password(Some("another")).unwrap();
    let error = PgConnection::connect(url.as_str()).await.unwrap_err();
    assert!(
        error.to_string().contains("password authentication failed"),
        "{error}"
    );
}

#[tokio::test]
async fn a_cluster_is_removed_with_its_process_even_after_sigkill() {
    let mut victim = victim();
    let is_either = |line: &str| line.contains("socket folder") || line.contains("no cluster");
    let line = victim.wait_for_line(is_either, PATIENCE).await;
    let Some((_, folder)) = line.split_once("socket folder ") else {
        return;
    };
    let folder = PathBuf::from(folder);
    let mode = fs::metadata(&folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "others could connect");

    victim.signal(Signal::KILL);
    victim.wait(PATIENCE).await;
    wait_until_gone(&folder).await;
}

fn victim() -> Process {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "--nocapture", "postgres::be_the_victim"])
        .env(VICTIM, "1");
    Process::spawn("victim", command.env_remove("TEST_DATABASE_URL"))
}

/// The process to be killed. As a test it does nothing.
#[test]
fn be_the_victim() {
    if std::env::var_os(VICTIM).is_none() {
        return;
    }
    let Some(cluster) = Cluster::get() else {
        return println!("no cluster");
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let url = runtime.block_on(cluster.create_database(None));
    let url = url::Url::parse(&url).unwrap();
    let (_, folder) = url.query_pairs().find(|(key, _)| key == "host").unwrap();
    println!("socket folder {folder}");
    loop {
        std::thread::park();
    }
}

async fn wait_until_gone(folder: &Path) {
    let start = Instant::now();
    while fs::exists(folder).unwrap() {
        assert!(
            start.elapsed() < PATIENCE,
            "{} is still there",
            folder.display()
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn setting_a_server_s_clock_does_not_change_its_waits() {
    // libfaketime is optional.
    let Some(server) = Server::start_with_clock() else {
        return;
    };
    let mut connection = PgConnection::connect(&server.url("postgres"))
        .await
        .unwrap();
    for seconds in [0, 7200, -60] {
        server.set_clock(seconds);
        let sql = "SELECT extract(epoch FROM clock_timestamp())::bigint, pg_sleep(0.1)::text";
        let row = sqlx::query_as(sql).fetch_one(&mut connection);
        let (time, _): (i64, String) = row.await.unwrap();
        let ahead = time - chrono::Utc::now().timestamp();
        assert!((ahead - seconds).abs() <= 2, "{ahead} instead of {seconds}");
    }
}
