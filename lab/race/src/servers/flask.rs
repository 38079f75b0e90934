//! The Flask peer, under gunicorn in an environment of its own.

use std::{
    fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use bare_testkit::process::free_port;

use crate::child::say;

const APP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/flask");

/// Whether the peer can run here: installs it in the target folder where it is not there as required.
pub fn is_there() -> bool {
    let environment = environment();
    let run = |program: &Path, arguments: &[&str]| {
        let status = Command::new(program).args(arguments).status();
        status.is_ok_and(|status| status.success())
    };
    let requirements = format!("{APP}/requirements.txt");
    let installed = environment.join("requirements.txt");
    if fs::read(&installed).ok() == fs::read(&requirements).ok() {
        return true;
    }
    run(
        Path::new("python3"),
        &["-m", "venv", &environment.display().to_string()],
    ) && run(
        &environment.join("bin/pip"),
        &["install", "--quiet", "-r", &requirements],
    ) && fs::copy(&requirements, installed).is_ok()
}

fn environment() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/flask")
}

/// Says where it will listen, and becomes gunicorn.
pub fn serve(url: &str, is_tuned: bool) -> anyhow::Result<()> {
    let address = format!("127.0.0.1:{}", free_port());
    say(&address)?;
    let mut gunicorn = Command::new(environment().join("bin/gunicorn"));
    gunicorn
        .args(["--bind", &address])
        .args(["--log-level", "error", "--chdir", APP, "app:app"])
        .env("DATABASE_URL", url);
    if is_tuned {
        let workers = thread::available_parallelism()?.to_string();
        // Threads keep connections alive.
        gunicorn.args(["--workers", &workers, "--threads", "4"]);
    }
    Err(gunicorn.exec().into())
}
