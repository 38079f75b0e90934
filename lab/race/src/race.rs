//! The race: the cases that are wanted, one after another.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
};

use anyhow::ensure;

use crate::{
    Options,
    bench::{Bench, Size},
    cases::{self, Case, Effort},
    figures, report,
};

/// Runs them, and answers whether all of them ran and all floors hold. One that fails leaves the others
/// their results.
pub fn run(options: &Options) -> anyhow::Result<bool> {
    let size = if options.quick {
        Size::QUICK
    } else {
        Size::FULL
    };
    let cases = wanted(options, cases::all(size))?;
    let mut bench = Bench::new()?;
    let mut results = Vec::new();
    for case in &cases {
        let rounds = if options.quick {
            1
        } else {
            case.rounds.count(options.rounds)
        };
        match figures::measure(case, &mut bench, rounds) {
            Ok(result) => {
                print!("{}", report::text(&result));
                results.push(result);
            }
            Err(error) => eprintln!("{} · error: {error:#}", case.name),
        }
    }
    if options.write {
        report::write(&results, &bench)?;
    }
    // Little work measures nothing.
    let holds = options.quick || results.iter().all(figures::Result::holds);
    Ok(holds && results.len() == cases.len())
}

/// The names of the cases, and what they are.
pub fn list() {
    let mut list = String::new();
    for case in cases::all(Size::FULL) {
        let long = match case.effort {
            Effort::Short => "",
            Effort::Long | Effort::Builds => " (by name, or with --long or --write)",
        };
        let _ = writeln!(list, "{:24} {}{long}", case.name, case.what);
    }
    // Whoever reads it may have seen enough.
    let _ = io::stdout().write_all(list.as_bytes());
}

fn wanted(options: &Options, all: Vec<Case>) -> anyhow::Result<Vec<Case>> {
    for name in &options.cases {
        let is_there = all.iter().any(|case| case.name == name);
        ensure!(is_there, "there is no case {name}; `--list` names them");
    }
    let is_wanted = |case: &Case| match case.effort {
        _ if !options.cases.is_empty() => options.cases.iter().any(|name| name == case.name),
        _ if options.long || options.write => true,
        Effort::Short => true,
        Effort::Long => options.quick,
        Effort::Builds => false,
    };
    Ok(all.into_iter().filter(is_wanted).collect())
}
