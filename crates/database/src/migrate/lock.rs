//! One process migrates at a time.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, Statement};

/// An arbitrary number that all releases of this service share.
const KEY: i64 = 0x6261_7265;

const PAUSE: Duration = Duration::from_millis(200);

/// Waits until no other process migrates this PostgreSQL database. The lock lasts as long as the
/// transaction, which idles meanwhile, whatever the server allows others.
///
/// It is asked for again and again instead of waited for in the server: a statement that waits
/// holds a snapshot, for which a `CREATE INDEX CONCURRENTLY` of the process that has the lock would
/// wait for ever.
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
    async fn the_lock_outlasts_what_the_server_allows_transactions_that_idle() {
        let Some(database) = TestDatabase::empty(Backend::Postgres).await else {
            return;
        };
        let limit = "DO $$ BEGIN EXECUTE format(
                'ALTER DATABASE %I SET idle_in_transaction_session_timeout = 1', current_database()
            ); END $$";
        database.execute(limit).await;
        let lock = acquire(&database.connect_again().await).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        lock.commit().await.unwrap();
    }
}
