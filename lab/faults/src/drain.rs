//! The end of a run: waits for all promised mails, and finds jobs that will never finish.

use std::time::{Duration, Instant};

use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::{
    journal::Journal,
    mailbox::Mailbox,
    poison::{Poison, UNKNOWN_KIND},
    service::Service,
};

/// How long to wait for the last job. A job that met a database error three times waits for a
/// minute, and one that lost its process twice for 15 s.
const PATIENCE: Duration = Duration::from_mins(5);

/// How often the progress is printed.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

const INTERVAL: Duration = Duration::from_millis(250);

/// The jobs that are left over, and those that should not be dead.
#[derive(Debug, Default)]
pub(crate) struct Remains {
    pub(crate) stuck: Vec<Uuid>,
    pub(crate) dead: Vec<Uuid>,
    pub(crate) poison: Vec<Uuid>,
}

/// Waits until only the poison is unfinished.
pub(crate) async fn wait(
    service: &Service,
    mailbox: &Mailbox,
    journal: &Journal,
) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(&service.database_url).await?;
    let start = Instant::now();
    let mut said = start;
    loop {
        mailbox.collect(&service.smtp);
        let states = unfinished(&mut connection).await?;
        let count: i64 = states.iter().map(|(_, count)| count).sum();
        if count == 0 || start.elapsed() > PATIENCE {
            break;
        }
        if said.elapsed() > PROGRESS_INTERVAL {
            said = Instant::now();
            let states: Vec<String> = states
                .iter()
                .map(|(state, n)| format!("{n} {state}"))
                .collect();
            journal.say(&format!(
                "{count} jobs are unfinished: {}",
                states.join(", ")
            ));
        }
        tokio::time::sleep(INTERVAL).await;
    }
    connection.close().await?;
    Ok(())
}

async fn unfinished(connection: &mut PgConnection) -> sqlx::Result<Vec<(String, i64)>> {
    let sql = "SELECT state, count(*) FROM job WHERE kind <> $1 GROUP BY state";
    sqlx::query_as(sql)
        .bind(UNKNOWN_KIND)
        .fetch_all(connection)
        .await
}

/// Reads the tables after the service has ended.
pub(crate) async fn remains(database_url: &str, poison: &Poison) -> anyhow::Result<Remains> {
    let mut connection = PgConnection::connect(database_url).await?;
    let stuck = sqlx::query_scalar("SELECT id FROM job WHERE kind <> $1")
        .bind(UNKNOWN_KIND)
        .fetch_all(&mut connection)
        .await?;
    let dead = "SELECT id FROM finished_job WHERE state <> 'completed' AND id <> ALL ($1)";
    let dead = sqlx::query_scalar(dead)
        .bind(poison.spoilt())
        .fetch_all(&mut connection)
        .await?;
    let poison = poison.unexpected(&mut connection).await?;
    connection.close().await?;
    Ok(Remains {
        stuck,
        dead,
        poison,
    })
}
