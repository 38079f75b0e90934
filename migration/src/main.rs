//! The `migration` command.

fn main() {
    let settings: migration::Settings = dockerflow::settings::load();
    dockerflow::Process::new("migration", &settings.log).run(migration::execute(&settings))
}
