//! Applies and reverts steps.

use sea_orm::{DatabaseConnection, DbBackend, DbErr};
use sea_orm_migration::{
    IntoSchemaManagerConnection, MigrationName, MigrationTrait, MigratorTraitSelf, SchemaManager,
};

use super::{Schema, encoding, lock, place};

#[derive(Clone, Copy)]
pub(super) enum Change {
    Up(Option<u32>),
    Down(u32),
    Fresh,
}

/// Changes the database while it holds the lock.
pub(super) async fn run(
    schema: Schema,
    db: &DatabaseConnection,
    change: Change,
) -> Result<(), DbErr> {
    if db.get_database_backend() == DbBackend::Sqlite {
        // One write transaction locks out other processes, and makes the steps atomic: SQLite's
        // schema changes are transactional, but sea-orm-migration does not use that.
        let txn = crate::begin(db).await?;
        let runner = Runner::new(schema, db).await?;
        runner.run(&txn, change).await?;
        txn.commit().await
    } else {
        if matches!(change, Change::Up(_)) {
            encoding::check(db).await?;
        }
        place::check(db).await?;
        let lock = lock::acquire(db).await?;
        let runner = Runner::new(schema, db).await?;
        runner.run(db, change).await?;
        lock.commit().await
    }
}

/// The steps of this binary, and placeholders for those of a newer release. Without them
/// sea-orm-migration refuses to work on a database that is ahead.
struct Runner {
    schema: Schema,
    ahead: Vec<String>,
}

impl Runner {
    async fn new(schema: Schema, db: &DatabaseConnection) -> Result<Self, DbErr> {
        let ahead = schema.status(db).await?.ahead;
        Ok(Self { schema, ahead })
    }

    async fn run<'c, C>(&self, db: C, change: Change) -> Result<(), DbErr>
    where
        C: IntoSchemaManagerConnection<'c> + Send,
    {
        match change {
            Change::Up(steps) => MigratorTraitSelf::up(self, db, steps).await,
            Change::Down(steps) => MigratorTraitSelf::down(self, db, Some(steps)).await,
            // The steps of a newer release are dropped with the rest.
            Change::Fresh => {
                MigratorTraitSelf::fresh(
                    &Self {
                        ahead: Vec::new(),
                        schema: self.schema,
                    },
                    db,
                )
                .await
            }
        }
    }
}

impl MigratorTraitSelf for Runner {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        let ahead = self
            .ahead
            .iter()
            .map(|name| Box::new(Ahead(name.clone())) as Box<dyn MigrationTrait>);
        self.schema.steps().into_iter().chain(ahead).collect()
    }
}

/// A step of a newer release.
struct Ahead(String);

impl MigrationName for Ahead {
    fn name(&self) -> &str {
        &self.0
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Ahead {
    async fn up(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Ok(())
    }

    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration(format!(
            "{} was applied by a newer release: only that release can revert it",
            self.0
        )))
    }
}
