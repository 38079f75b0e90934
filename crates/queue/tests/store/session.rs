//! A session of PostgreSQL, and the rows that it reads.

use bare_database::{Settings, connect};
use bare_queue::testing::JobStore;
use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend, Statement};

use crate::test_store::TestStore;

pub(crate) struct Session(DatabaseConnection);

impl Session {
    pub(crate) async fn open(store: &TestStore) -> Self {
        let settings = Settings {
            database_url: store.database.url().parse().unwrap(),
            database_pool_size: 1,
        };
        Self(connect(&settings, "test").await.unwrap())
    }

    /// A job store with the database's clock.
    pub(crate) fn store(&self) -> JobStore {
        JobStore::new(self.0.clone())
    }

    /// How many rows of an index were read so far.
    pub(crate) async fn read_of_index(&self, index: &str) -> i64 {
        self.ask(&format!(
            "SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = '{index}'"
        ))
        .await
    }

    /// How many rows of a table were read so far, with an index or without.
    pub(crate) async fn read_of_table(&self, table: &str) -> i64 {
        self.ask(&format!(
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = '{table}'"
        ))
        .await
    }

    async fn ask(&self, sql: &str) -> i64 {
        let ask = async |sql: &str| {
            let statement = Statement::from_string(DbBackend::Postgres, sql);
            self.0.query_one_raw(statement).await.unwrap().unwrap()
        };
        // A session publishes its counts after a while, or when it is told to.
        ask("SELECT pg_stat_force_next_flush()").await;
        ask(sql).await.try_get_by_index(0).unwrap()
    }
}
