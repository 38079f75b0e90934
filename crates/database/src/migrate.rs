//! A schema in steps, and what applies, takes back and reports them.

mod checks;
mod cli;
mod lock;
mod runner;

use std::{collections::BTreeSet, fmt, time::Duration};

use dockerflow::checks::{Checks, Finding};
use sea_orm::{DatabaseConnection, DbErr, EntityTrait, QueryOrder};
use sea_orm_migration::{MigrationTrait, SchemaManager, seaql_migrations};

pub use cli::Settings;
use runner::Change;

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

/// The steps of a schema.
#[derive(Clone, Copy)]
pub struct Schema(&'static [Steps]);

/// A list of steps.
pub type Steps = fn() -> Vec<Box<dyn MigrationTrait>>;

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Schema").field(&self.names()).finish()
    }
}

impl Schema {
    /// The schema that the steps of these lists make, in the order of their names: each begins with the date of
    /// its making.
    pub const fn new(lists: &'static [Steps]) -> Self {
        Self(lists)
    }

    /// The steps, oldest first.
    fn steps(self) -> Vec<Box<dyn MigrationTrait>> {
        let mut steps: Vec<_> = self.0.iter().flat_map(|list| list()).collect();
        steps.sort_by(|a, b| a.name().cmp(b.name()));
        steps
    }

    /// The steps' names, oldest first.
    pub fn names(self) -> Vec<String> {
        let steps = self.steps();
        steps.iter().map(|step| step.name().to_owned()).collect()
    }

    /// Where `db` stands. Changes nothing, and needs no right to.
    pub async fn status(self, db: &DatabaseConnection) -> Result<Status, DbErr> {
        let known = self.names();
        let there: BTreeSet<String> =
            if SchemaManager::new(db).has_table("seaql_migrations").await? {
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
    pub async fn up(self, db: &DatabaseConnection, steps: Option<u32>) -> Result<(), DbErr> {
        runner::run(self, db, Change::Up(steps)).await
    }

    /// Takes back the last `steps` steps.
    pub async fn down(self, db: &DatabaseConnection, steps: u32) -> Result<(), DbErr> {
        runner::run(self, db, Change::Down(steps)).await
    }

    /// Drops everything that is in the database, and applies all the steps.
    pub async fn fresh(self, db: &DatabaseConnection) -> Result<(), DbErr> {
        runner::run(self, db, Change::Fresh).await
    }

    /// Returns when nothing is pending, however long that takes. A database that fails meanwhile is
    /// asked again.
    pub async fn wait(self, db: &DatabaseConnection) {
        let mut said = None;
        loop {
            let status = match self.status(db).await {
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

    /// Runs the `migration` command.
    ///
    /// # Errors
    /// What could not be done, and why.
    pub async fn execute(self, settings: &Settings) -> anyhow::Result<()> {
        cli::execute(self, settings).await
    }

    /// Whether the database has this schema: a warning if migrations are pending, or if the database is ahead.
    /// A service whose database does not answer has another check that says so.
    pub async fn check(self, db: &DatabaseConnection) -> Vec<Finding> {
        checks::current(self, db).await
    }

    /// The health checks that every process has: `database`, whether it answers, and `migrations`, the
    /// [`check`](Self::check).
    pub fn checks(self, db: &DatabaseConnection) -> Checks {
        checks::all(self, db)
    }
}
