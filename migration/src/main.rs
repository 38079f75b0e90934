//! The `migration` command.

use anyhow::bail;
use bare_database::migrate::Settings;
use dockerflow::{Process, shutdown};

fn main() {
    let settings: Settings = dockerflow::settings::load();
    Process::new("migration", &settings.log).run(async {
        // The first process of a container gets no signal that it does not wait for.
        tokio::select! {
            // Looked at first, so that it is heard from the beginning.
            biased;
            () = shutdown::requested() => bail!("stopped before the end"),
            outcome = migration::SCHEMA.execute(&settings) => outcome,
        }
    })
}
