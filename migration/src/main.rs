//! The `migration` command.

use anyhow::bail;
use bare_database::migrate::Settings;
use dockerflow::{Process, shutdown};

fn main() {
    let settings: Settings = dockerflow::settings::load();
    Process::new(db::SERVICE, "migration", &settings.log).run(async {
        // The first process of a container receives only the signals that it handles.
        tokio::select! {
            // The signal first, so that it is handled from the start.
            biased;
            () = shutdown::requested() => bail!("stopped before the end"),
            outcome = migration::SCHEMA.execute(&settings) => outcome,
        }
    })
}
