//! A process for tests: it reads its settings, sets up logging and runs the steps in its arguments.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::process::ExitCode;
use std::thread;

use dockerflow::{log, settings};

/// Logs and panics as told
#[derive(conf::Conf)]
struct Settings {
    #[conf(flatten)]
    log: log::Settings,
    /// Where it would listen
    #[conf(env = "PORT", default_value = "8000", value_parser = settings::between(1, 65_535))]
    port: u16,
    /// A password
    #[conf(env = "PASSWORD", secret)]
    password: Option<String>,
    /// What to do, see `run`
    #[conf(repeat, pos)]
    steps: Vec<String>,
}

/// More lines than the buffer and a pipe hold together.
const BURST: u32 = 50_000;

fn main() -> ExitCode {
    let settings: Settings = settings::load_over(&[("LOG_LEVEL", "warn,process=info")]);
    let Ok(_guard) = log::init("example", &settings.log) else {
        return ExitCode::FAILURE;
    };
    for step in &settings.steps {
        run(step, &settings);
    }
    ExitCode::SUCCESS
}

fn run(step: &str, settings: &Settings) {
    match step {
        "panic" => {
            let thread = thread::Builder::new().name("breaks".to_owned());
            let _ = thread
                .spawn(|| panic!("first line\nsecond line"))
                .map(thread::JoinHandle::join);
        }
        "record" => ::log::warn!(target: "another::crate", "by the log crate"),
        "reinit" => {
            let outcome = log::init("again", &settings.log).map(drop);
            tracing::info!(refused = outcome.is_err(), "initialised again");
        }
        "burst" => (0..BURST).for_each(|number| tracing::info!(number, "one of many")),
        "nest" => tracing::info!(value = %Talks, "outer"),
        "say-done" => {
            let _ = writeln!(std::io::stderr(), "done");
        }
        "wait" => {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
        }
        "show" => tracing::info!(
            port = settings.port,
            has_password = settings.password.is_some(),
            level = %settings.log.level,
        ),
        unknown => tracing::error!(unknown, "no such step"),
    }
}

/// A value that logs while it is logged.
struct Talks;

impl fmt::Display for Talks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("before ")?;
        tracing::info!("inner");
        f.write_str("after")
    }
}
