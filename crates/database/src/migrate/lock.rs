//! Lets only one process migrate at a time.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, Statement};

/// An arbitrary number that all releases of this service share.
const KEY: i64 = 0x6261_7265;

const PAUSE: Duration = Duration::from_millis(200);

/// Waits until no other process migrates this PostgreSQL database. The lock lasts as long as the
/// transaction, for which the server's limit on idle transactions is lifted.
///
/// It polls instead of waiting in the server: a waiting statement holds a snapshot, and a `CREATE
/// INDEX CONCURRENTLY` of the process with the lock would wait forever for that snapshot.
pub(super) async fn acquire(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let mut has_said_so = false;
    loop {
        let txn = crate::begin(db).await?;
        let statement = Statement::from_sql_and_values(
            txn.get_database_backend(),
            "SELECT set_config('idle_in_transaction_session_timeout', '0', true),
                    pg_try_advisory_xact_lock($1) AS locked",
            [KEY.into()],
        );
        if let Some(row) = txn.query_one_raw(statement).await?
            && row.try_get("", "locked")?
        {
            return Ok(txn);
        }
        txn.rollback().await?;
        if !has_said_so {
            tracing::info!("another process is migrating: waiting for it");
            has_said_so = true;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use bare_testkit::{Backend, TestDatabase};

    use super::*;

    #[tokio::test]
    async fn the_lock_outlasts_the_server_s_limit_on_idle_transactions() {
        let Some(database) = TestDatabase::empty(Backend::Postgres).await else {
            return;
        };
        // Longer than a busy machine takes from BEGIN to the next statement.
        let limit = "DO $$ BEGIN EXECUTE format(
                'ALTER DATABASE %I SET idle_in_transaction_session_timeout = 500', current_database()
            ); END $$";
        database.execute(limit).await;
        let lock = acquire(&database.connect_again().await).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        lock.commit().await.unwrap();
    }
}
