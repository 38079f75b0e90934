//! What PostgreSQL does for our tables with no worker around it.

use sqlx::{Connection as _, PgConnection, PgPool, Row as _, postgres::PgPoolOptions};
use uuid::Uuid;

use super::Order;

const CLIENTS: u32 = 2;

pub async fn execute(order: &Order) -> anyhow::Result<()> {
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| tokio::spawn(claim_and_move(order.url.clone())))
        .collect();
    for client in clients {
        client.await??;
    }
    Ok(())
}

async fn claim_and_move(url: String) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(&url).await?;
    loop {
        let mut claimed = sqlx::query(CLAIM)
            .bind(Uuid::now_v7())
            .fetch_all(&mut connection)
            .await?;
        if claimed.is_empty() {
            return Ok(());
        }
        claimed.sort_by_key(|row| row.get::<Uuid, _>("id"));
        let ids: Vec<Uuid> = claimed.iter().map(|row| row.get("id")).collect();
        let leases: Vec<i32> = claimed.iter().map(|row| row.get("lease_number")).collect();
        sqlx::query(MOVE)
            .bind(ids)
            .bind(leases)
            .execute(&mut connection)
            .await?;
    }
}

/// Every client inserts its share, each row in a transaction, on connections of a pool as a service has.
pub async fn enqueue_single(order: &Order, clients: u32) -> anyhow::Result<()> {
    let share = order.jobs / clients;
    let pool = PgPoolOptions::new()
        .max_connections(clients)
        .test_before_acquire(false);
    let pool = pool.connect(&order.url).await?;
    let clients: Vec<_> = (0..clients)
        .map(|_| tokio::spawn(insert(pool.clone(), share)))
        .collect();
    for client in clients {
        client.await??;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the peer's own way")]
async fn insert(pool: PgPool, jobs: u32) -> anyhow::Result<()> {
    for id in 0..jobs {
        let mut txn = pool.begin().await?;
        sqlx::query(INSERT)
            .bind(Uuid::now_v7())
            .bind(format!("{{\"id\":{id}}}"))
            .execute(&mut *txn)
            .await?;
        txn.commit().await?;
    }
    Ok(())
}

const CLAIM: &str = "
UPDATE job
SET state = 'running', worker_id = $1, started_at = clock_timestamp(),
    lease_number = lease_number + 1, attempt = attempt + 1
WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM job WHERE queue = 'default' AND state = 'available'
    ORDER BY priority, run_at, id LIMIT 1000 FOR UPDATE SKIP LOCKED
))
RETURNING id, kind, queue, priority, payload::text, attempt, max_attempts, timeout_seconds, lease_number,
          deaths, cancel_requested_at, run_at, started_at, errors::text, metadata::text";

const MOVE: &str = "
WITH ended AS (
    DELETE FROM job
    WHERE id = ANY(ARRAY(SELECT unnest($1::uuid[])))
      AND lease_number = ($2::int[])[width_bucket(id, $1::uuid[])]
      AND state NOT IN ('scheduled', 'available')
    RETURNING *
)
INSERT INTO finished_job (id, kind, queue, priority, payload, max_attempts, timeout_seconds, unique_key, run_at,
                          created_at, started_at, metadata, state, finished_at,
                          attempt, lease_number, deaths, errors)
SELECT id, kind, queue, priority, payload, max_attempts, timeout_seconds, unique_key, run_at,
       created_at, started_at, metadata, 'completed',
       clock_timestamp(), attempt, lease_number, deaths, errors
FROM ended";

const INSERT: &str = "
INSERT INTO job (id, kind, queue, state, payload, max_attempts, run_at, created_at)
VALUES ($1, 'nothing', 'default', 'available', $2::json, 20, clock_timestamp(), clock_timestamp())";
