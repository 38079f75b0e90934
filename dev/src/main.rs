//! `cargo dev`: the whole service in one process, and what a developer needs beside it.

mod new_migration;
mod settings;
mod together;

use settings::{Command, Settings, What};

/// Other defaults than in production: nobody else should reach it, and a person reads its log.
const DEFAULTS: [(&str, &str); 4] = [
    ("HOST", "127.0.0.1"),
    ("DATABASE_URL", "sqlite://data/dev.sqlite3"),
    ("LOG_FORMAT", "text"),
    ("LOG_LEVEL", "info,sea_orm_migration=warn"),
];

fn main() {
    let settings: Settings = dockerflow::settings::load_over(&DEFAULTS);
    dockerflow::run("dev", &settings.web.log, async {
        match &settings.command {
            None => together::run(&settings).await,
            Some(Command::New(new)) => match &new.what {
                What::Migration(migration) => new_migration::write(&migration.name),
            },
        }
    });
}
