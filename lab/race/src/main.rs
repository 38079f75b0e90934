//! `cargo race`: the queue and the api against their peers, on the same machine in the same run.
//!
//! A case ([`cases`]) has sides, ours and the peers', which take turns ([`figures`]): queues
//! ([`queues`]), servers ([`servers`]), or binaries ([`binaries`]). A side has a
//! process of its own ([`side`]), and a fresh database of one PostgreSQL with its default durability
//! ([`bench`]). What counts is the ratio; it goes to README.md ([`report`]).

mod bench;
mod binaries;
mod cases;
mod child;
mod figures;
mod load;
mod machine;
mod plot;
mod process;
mod queues;
mod race;
mod report;
mod servers;
mod side;

use std::process::ExitCode;

use clap::Parser;

/// Races the engine against its peers and prints the ratios
#[derive(Parser, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
struct Options {
    /// Only these cases; `--list` names them
    cases: Vec<String>,

    /// Names the cases
    #[arg(long)]
    list: bool,

    /// How often each side runs
    #[arg(long, default_value_t = 5)]
    rounds: usize,

    /// Also the cases that take many minutes
    #[arg(long)]
    long: bool,

    /// Only shows that everything runs: once, with little work
    #[arg(long)]
    quick: bool,

    /// Runs all cases, and writes lab/race/README.md and its plots
    #[arg(long, conflicts_with_all = ["quick", "cases"])]
    write: bool,

    /// Runs one side (for the race itself)
    #[arg(long, hide = true)]
    side: Option<String>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if let Some(side) = &options.side {
        return finish(side::Side::run(side));
    }
    if options.list {
        race::list();
        return ExitCode::SUCCESS;
    }
    finish(race::run(&options))
}

fn finish(outcome: anyhow::Result<bool>) -> ExitCode {
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
