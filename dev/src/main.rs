//! The whole service in one process: what `cargo dev` runs. Its commands are in `crates/dev`.

mod settings;
mod together;

use std::{env, path::Path};

use settings::Settings;

/// The defaults that differ from production: only this machine can reach it, a person reads its
/// log, and Ctrl-C is quick.
const DEFAULTS: [(&str, &str); 5] = [
    ("HOST", "127.0.0.1"),
    ("DATABASE_URL", "sqlite://data/dev.sqlite3"),
    ("LOG_FORMAT", "text"),
    ("LOG_LEVEL", "info,sea_orm_migration=warn"),
    ("SHUTDOWN_GRACE_SECONDS", "1"),
];

fn main() {
    // cargo runs it in any folder of the workspace, but `.env` and `data/` are in the root.
    if let Some(package) = env::var_os("CARGO_MANIFEST_DIR") {
        let _ = env::set_current_dir(Path::new(&package).join(".."));
    }
    let settings: Settings = dockerflow::settings::load_over(&DEFAULTS);
    dockerflow::Process::new(db::SERVICE, "dev", &settings.web.process.log)
        .sentry(&settings.web.process.sentry, &web::version())
        .run(together::run(&settings));
}
