//! `cargo faults`: runs the whole service under load while everything around it breaks, and then
//! checks each promise by what arrived at a mail server, not by our own tables.
//!
//! It starts two web processes, two or more workers, a PostgreSQL and a mail server. The modules in
//! the order of a run: [`service`] starts them, [`load`] lets users order, [`driver`] causes
//! [`faults`], [`watch`] and [`mailbox`] observe, [`drain`] waits for the end, [`checker`] judges
//! and [`report`] prints the result.

// If the suite cannot continue, it has failed, and a panic says where.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod checker;
mod disk;
mod doubles;
mod drain;
mod driver;
mod evidence;
mod faults;
mod journal;
mod kind;
mod load;
mod mailbox;
mod options;
mod order;
mod poison;
mod process;
mod recovery;
mod report;
mod run;
mod schedule;
mod service;
mod sessions;
mod stranded;
mod timings;
mod watch;

use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

fn main() -> ExitCode {
    let options: options::Options = dockerflow::settings::load();
    allow_all_files();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let verdict = if options.schedule {
        runtime.block_on(schedule::run())
    } else if options.disk {
        runtime.block_on(disk::run(&options))
    } else {
        runtime.block_on(run::run(&options))
    };
    match verdict {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// A thousand clients need as many open files, and so does web.
fn allow_all_files() {
    let limit = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, all) {
        eprintln!("the limit of open files stays as it is: {error}");
    }
}
