//! `cargo race`: the queue and the api against their peers, on the same machine in the same run.
//!
//! A case ([`cases`]) has sides, ours and the peers', which take turns: queues ([`queues`]) or
//! servers ([`servers`]). Each runs in a process of its own ([`side`]) against a fresh database of one
//! PostgreSQL ([`bench`]) with its default durability. What counts is the ratio ([`figures`]); it goes to docs/benchmarks.md ([`report`]).

mod bench;
mod cases;
mod figures;
mod load;
mod machine;
mod plot;
mod queues;
mod report;
mod servers;
mod side;

use std::process::ExitCode;

use clap::Parser;

/// Races the service against its peers and prints the ratios
#[derive(Parser, Debug)]
struct Options {
    /// Only these cases; `--list` names them
    cases: Vec<String>,

    /// Names the cases
    #[arg(long)]
    list: bool,

    /// How often each side runs
    #[arg(long, default_value_t = 5)]
    rounds: usize,

    /// Only shows that everything runs: once, with little work
    #[arg(long)]
    quick: bool,

    /// Writes docs/benchmarks.md and its plots
    #[arg(long)]
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
        for case in cases::all(bench::Size::FULL) {
            println!("{:28} {}", case.name, case.what);
        }
        return ExitCode::SUCCESS;
    }
    finish(race(&options))
}

fn race(options: &Options) -> anyhow::Result<bool> {
    let (size, rounds) = if options.quick {
        (bench::Size::QUICK, 1)
    } else {
        (bench::Size::FULL, options.rounds)
    };
    let wanted = |name: &str| options.cases.is_empty() || options.cases.iter().any(|it| it == name);
    for name in &options.cases {
        let is_case = cases::all(size).iter().any(|case| case.name == name);
        anyhow::ensure!(is_case, "there is no case {name}; `--list` names them");
    }
    let mut bench = bench::Bench::start()?;
    let mut results = Vec::new();
    for case in cases::all(size)
        .into_iter()
        .filter(|case| wanted(case.name))
    {
        let result = figures::measure(&case, &mut bench, rounds)?;
        print!("{}", report::text(&result));
        results.push(result);
    }
    if options.write {
        report::write(&results, &bench, rounds)?;
    }
    // Little work measures nothing.
    Ok(options.quick || results.iter().all(figures::Result::holds))
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
