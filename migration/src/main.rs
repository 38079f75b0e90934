//! The `migration` command.

use anyhow::bail;
use dockerflow::{Process, shutdown};

fn main() {
    let settings: migration::Settings = dockerflow::settings::load();
    Process::new("migration", &settings.log).run(async {
        // The first process of a container gets no signal that it does not wait for.
        tokio::select! {
            outcome = migration::execute(&settings) => outcome,
            () = shutdown::requested() => bail!("stopped before the end"),
        }
    })
}
