//! A schema in steps, and functions that apply, revert and list them.

mod checks;
mod cli;
mod encoding;
mod lock;
mod place;
mod runner;

use std::{collections::BTreeSet, fmt, time::Duration};

use dockerflow::checks::{Checks, Finding};
use sea_orm::{DatabaseConnection, DbErr, EntityTrait, QueryOrder, RuntimeErr};
use sea_orm_migration::{MigrationTrait, seaql_migrations};

pub use cli::Settings;
use runner::Change;

/// The state of a database compared with the steps of this binary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Steps that are applied, oldest first.
    pub applied: Vec<String>,
    /// Steps that are still to be applied, oldest first.
    pub pending: Vec<String>,
    /// Steps that a newer release applied and this binary does not know: the database is *ahead*,
    /// which is not an error.
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
    /// The schema of all steps in these lists. They are sorted by name, which begins with a date.
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

    /// The state of `db`. It changes nothing, and needs no right to.
    pub async fn status(self, db: &DatabaseConnection) -> Result<Status, DbErr> {
        let known = self.names();
        let there: BTreeSet<String> = if place::of_steps(db).await?.is_some() {
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

    /// Applies all pending steps, or only the next `steps`. Concurrent processes take turns.
    ///
    /// # Errors
    /// A step fails, new tables would not be made where those of earlier steps are, or PostgreSQL cannot
    /// store every text in this database.
    pub async fn up(self, db: &DatabaseConnection, steps: Option<u32>) -> Result<(), DbErr> {
        // This needs no right to change anything.
        if self.status(db).await?.pending.is_empty() {
            return Ok(());
        }
        runner::run(self, db, Change::Up(steps)).await
    }

    /// Reverts the last `steps` steps.
    pub async fn down(self, db: &DatabaseConnection, steps: u32) -> Result<(), DbErr> {
        runner::run(self, db, Change::Down(steps)).await
    }

    /// Drops everything in the database, and applies all steps.
    pub async fn fresh(self, db: &DatabaseConnection) -> Result<(), DbErr> {
        runner::run(self, db, Change::Fresh).await
    }

    /// Waits without a limit until nothing is pending. It retries if the database fails meanwhile.
    ///
    /// # Errors
    /// The role may not read the list of applied steps, so waiting would not end.
    pub async fn wait(self, db: &DatabaseConnection) -> Result<(), DbErr> {
        let mut said = None;
        loop {
            let status = match self.status(db).await {
                Ok(status) if status.pending.is_empty() => return Ok(()),
                Err(error) if lacks_a_right(&error) => return Err(error),
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
    /// What failed, and why.
    pub async fn execute(self, settings: &Settings) -> anyhow::Result<()> {
        cli::execute(self, settings).await
    }

    /// A warning if migrations are pending, or if the database is ahead. Another check reports a
    /// database that does not answer.
    pub async fn check(self, db: &DatabaseConnection) -> Vec<Finding> {
        checks::current(self, db).await
    }

    /// The health checks of every process: `database`, whether it answers, and `migrations`, the
    /// [`check`](Self::check).
    pub fn checks(self, db: &DatabaseConnection) -> Checks {
        checks::all(self, db)
    }
}

/// Whether PostgreSQL refused a statement for want of a right (42501).
fn lacks_a_right(error: &DbErr) -> bool {
    let (DbErr::Query(RuntimeErr::SqlxError(error)) | DbErr::Exec(RuntimeErr::SqlxError(error))) =
        error
    else {
        return false;
    };
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.as_deref() == Some("42501")
}
