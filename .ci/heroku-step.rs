//! What .ci/heroku releases under load: a column and an index on a table in use.

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
        let table = Table::alter().table("user").drop_column("locale").take();
        manager.alter_table(table).await
    }

    /// PostgreSQL builds an index CONCURRENTLY in no transaction.
    fn use_transaction(&self) -> Option<bool> {
        Some(false)
    }
}

const STATEMENTS: [&str; 3] = [
    "ALTER TABLE \"user\" ADD COLUMN IF NOT EXISTS locale text NOT NULL DEFAULT 'en'",
    "DROP INDEX CONCURRENTLY IF EXISTS user_locale",
    "CREATE INDEX CONCURRENTLY IF NOT EXISTS user_locale ON \"user\" (locale)",
];
