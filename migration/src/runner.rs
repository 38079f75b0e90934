//! Applying the steps, taking them back, and saying where the database stands.

use std::{collections::BTreeSet, time::Duration};

use sea_orm::{DatabaseConnection, DbBackend, DbErr, EntityTrait, QueryOrder};
use sea_orm_migration::{
    IntoSchemaManagerConnection, MigrationName, MigrationTrait, MigratorTraitSelf, SchemaManager,
    seaql_migrations,
};

use crate::{lock, steps};

/// Where a database stands, compared with the steps that this binary knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Steps that are applied, oldest first.
    pub applied: Vec<String>,
    /// Steps that are still to be applied, oldest first.
    pub pending: Vec<String>,
    /// Steps that a newer release applied and this binary does not know: the database is *ahead*,
    /// which is no error.
    pub ahead: Vec<String>,
}

/// Where `db` stands. Changes nothing, and needs no right to.
pub async fn status(db: &DatabaseConnection) -> Result<Status, DbErr> {
    let known: Vec<String> = steps::all()
        .iter()
        .map(|step| step.name().to_owned())
        .collect();
    let there: BTreeSet<String> = if SchemaManager::new(db).has_table("seaql_migrations").await? {
        let rows = seaql_migrations::Entity::find()
            .order_by_asc(seaql_migrations::Column::Version)
            .all(db)
            .await?;
        rows.into_iter().map(|row| row.version).collect()
    } else {
        BTreeSet::new()
    };
    let (applied, pending) = known.iter().cloned().partition(|name| there.contains(name));
    let ahead = there
        .into_iter()
        .filter(|name| !known.contains(name))
        .collect();
    Ok(Status {
        applied,
        pending,
        ahead,
    })
}

/// Applies what is pending, or only the next `steps` of it. Two processes that do so at once take
/// turns.
pub async fn up(db: &DatabaseConnection, steps: Option<u32>) -> Result<(), DbErr> {
    change(db, Change::Up(steps)).await
}

/// Takes back the last `steps` steps.
pub async fn down(db: &DatabaseConnection, steps: u32) -> Result<(), DbErr> {
    change(db, Change::Down(steps)).await
}

/// Drops everything that is in the database, and applies all the steps.
pub async fn fresh(db: &DatabaseConnection) -> Result<(), DbErr> {
    change(db, Change::Fresh).await
}

/// Returns when nothing is pending, however long that takes. A database that fails meanwhile is
/// asked again.
pub async fn wait(db: &DatabaseConnection) {
    let mut said = None;
    loop {
        let status = match status(db).await {
            Ok(status) if status.pending.is_empty() => return,
            Ok(status) => format!("pending: {}", status.pending.join(", ")),
            Err(error) => error.to_string(),
        };
        if said.as_ref() != Some(&status) {
            tracing::info!(status, "waiting for the migrations");
            said = Some(status);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[derive(Clone, Copy)]
enum Change {
    Up(Option<u32>),
    Down(u32),
    Fresh,
}

async fn change(db: &DatabaseConnection, change: Change) -> Result<(), DbErr> {
    if db.get_database_backend() == DbBackend::Sqlite {
        // One write transaction keeps others out, and makes all steps or none: SQLite's schema
        // changes are transactional, but sea-orm-migration does not use that.
        let txn = db::begin(db).await?;
        let runner = Runner::new(db).await?;
        runner.run(&txn, change).await?;
        txn.commit().await
    } else {
        let lock = lock::acquire(db).await?;
        let runner = Runner::new(db).await?;
        runner.run(db, change).await?;
        lock.commit().await
    }
}

/// The steps of this binary, and placeholders for those that a newer release applied: without them
/// the library refuses to work on a database that is ahead.
struct Runner {
    ahead: Vec<String>,
}

impl Runner {
    async fn new(db: &DatabaseConnection) -> Result<Self, DbErr> {
        Ok(Self {
            ahead: status(db).await?.ahead,
        })
    }

    async fn run<'c, C>(&self, db: C, change: Change) -> Result<(), DbErr>
    where
        C: IntoSchemaManagerConnection<'c> + Send,
    {
        match change {
            Change::Up(steps) => MigratorTraitSelf::up(self, db, steps).await,
            Change::Down(steps) => MigratorTraitSelf::down(self, db, Some(steps)).await,
            // What a newer release left is dropped with the rest.
            Change::Fresh => MigratorTraitSelf::fresh(&Self { ahead: Vec::new() }, db).await,
        }
    }
}

impl MigratorTraitSelf for Runner {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        let ahead = self
            .ahead
            .iter()
            .map(|name| Box::new(Ahead(name.clone())) as Box<dyn MigrationTrait>);
        steps::all().into_iter().chain(ahead).collect()
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
            "{} was applied by a newer release: only that one can take it back",
            self.0
        )))
    }
}
