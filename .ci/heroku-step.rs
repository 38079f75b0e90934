//! What .ci/heroku releases under load: a column and an index on a table in use, which sample.env names.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for statement in STATEMENTS {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::alter().table("SAMPLE_TABLE").drop_column("rehearsal").take();
        manager.alter_table(table).await
    }

    /// PostgreSQL builds an index CONCURRENTLY in no transaction.
    fn use_transaction(&self) -> Option<bool> {
        Some(false)
    }
}

const STATEMENTS: [&str; 3] = [
    "ALTER TABLE \"SAMPLE_TABLE\" ADD COLUMN IF NOT EXISTS rehearsal text NOT NULL DEFAULT 'en'",
    "DROP INDEX CONCURRENTLY IF EXISTS rehearsal",
    "CREATE INDEX CONCURRENTLY IF NOT EXISTS rehearsal ON \"SAMPLE_TABLE\" (rehearsal)",
];
