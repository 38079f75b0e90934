//! The `migration` command.

fn main() {
    let settings: migration::Settings = dockerflow::settings::load();
    dockerflow::run("migration", &settings.log, migration::execute(&settings));
}
