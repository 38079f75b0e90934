//! The command line. That of sea-orm-migration installs its own logging, and panics without a
//! database.

use std::io::{ErrorKind, Write as _};

use anyhow::{Context, bail};
use conf::{Conf, Subcommands};
use sea_orm::DatabaseConnection;

use super::Schema;

/// Applies, reverts and lists the steps of the schema
#[derive(Conf, Debug)]
#[conf(name = "migration")]
pub struct Settings {
    #[conf(subcommands)]
    command: Command,

    #[conf(flatten)]
    database: crate::Settings,

    /// How it logs.
    #[conf(flatten)]
    pub log: dockerflow::log::Settings,
}

#[derive(Subcommands, Debug)]
enum Command {
    /// Applies the pending steps
    Up(Up),
    /// Reverts steps, by default the last one
    Down(Down),
    /// Lists the steps, and which of them are applied
    Status,
    /// Drops everything in the database and applies all steps
    Fresh(Fresh),
    /// Waits until no step is pending, for containers that must start after the migration
    Wait,
}

/// Applies the pending steps
#[derive(Conf, Debug)]
struct Up {
    /// The maximum number of steps
    #[conf(pos)]
    steps: Option<u32>,
}

/// Reverts steps, by default the last one
#[derive(Conf, Debug)]
struct Down {
    /// The number of steps
    #[conf(pos, default_value = "1")]
    steps: u32,

    /// Required on PostgreSQL, because tables and columns may go with their data
    #[conf(long)]
    yes: bool,
}

/// Drops everything in the database and applies all steps
#[derive(Conf, Debug)]
struct Fresh {
    /// Required on PostgreSQL, because it may be the wrong database
    #[conf(long)]
    yes: bool,
}

/// Runs the command.
pub(super) async fn execute(schema: Schema, settings: &Settings) -> anyhow::Result<()> {
    let mut database = settings.database.clone();
    // One connection holds the lock, the other works.
    database.database_pool_size = database.database_pool_size.max(2);
    let db = crate::connect(&database, "migration").await?;
    match &settings.command {
        Command::Up(up) => schema
            .up(&db, up.steps)
            .await
            .context("not all steps are applied")?,
        Command::Down(down) => {
            if !down.yes && !settings.database.database_url.is_sqlite() {
                let applied = schema.status(&db).await?.applied;
                let steps = applied.iter().rev().take(down.steps as usize);
                let steps = steps.map(String::as_str).collect::<Vec<_>>().join(", ");
                bail!(
                    "in {}, what these steps made would be dropped: {steps}. Confirm with --yes",
                    settings.database.database_url
                )
            }
            schema
                .down(&db, down.steps)
                .await
                .context("not all steps are reverted")?;
        }
        Command::Fresh(Fresh { yes }) if !yes && !settings.database.database_url.is_sqlite() => {
            bail!(
                "everything in {} would be dropped: confirm with --yes",
                settings.database.database_url
            )
        }
        Command::Fresh(_) => schema
            .fresh(&db)
            .await
            .context("the database could not be reset")?,
        Command::Wait => schema
            .wait(&db)
            .await
            .context("the steps that are applied cannot be read")?,
        Command::Status => return print_status(schema, &db).await,
    }
    let status = schema.status(&db).await?;
    tracing::info!(
        applied = status.applied.len(),
        pending = status.pending.len(),
        ahead = status.ahead.len(),
        "the schema is at {}",
        status
            .applied
            .last()
            .map_or("its beginning", String::as_str)
    );
    Ok(())
}

async fn print_status(schema: Schema, db: &DatabaseConnection) -> anyhow::Result<()> {
    let status = schema.status(db).await?;
    for (names, word) in [
        (&status.applied, "applied"),
        (&status.pending, "pending"),
        (&status.ahead, "ahead"),
    ] {
        for name in names {
            match writeln!(std::io::stdout(), "{word}  {name}") {
                // The reader has closed the pipe, so it has read enough.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
                written => written.context("the status cannot be written")?,
            }
        }
    }
    Ok(())
}
