//! From runs to figures: the sides take turns, the median counts, the ratio decides.

use crate::{
    bench::Bench,
    cases::{Case, Floor, Unit},
};

/// What one side did.
#[derive(Clone, Debug)]
pub struct Figure {
    pub side: &'static str,
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

/// How one side did against another, and against what is asked of it.
#[derive(Clone, Debug)]
pub struct Ratio {
    pub floor: Floor,
    pub ratio: f64,
}

#[derive(Clone, Debug)]
pub struct Result {
    pub name: &'static str,
    pub what: &'static str,
    pub unit: Unit,
    pub figures: Vec<Figure>,
    pub ratios: Vec<Ratio>,
}

impl Result {
    pub fn holds(&self) -> bool {
        self.ratios.iter().all(Ratio::holds)
    }
}

impl Ratio {
    pub fn holds(&self) -> bool {
        self.ratio >= self.floor.least
    }
}

/// Runs each side so often, in turns, so that a machine whose speed drifts is fair to all.
pub fn measure(case: &Case, bench: &mut Bench, rounds: usize) -> anyhow::Result<Result> {
    let mut runs: Vec<Vec<f64>> = vec![Vec::new(); case.sides.len()];
    if rounds > 1 {
        for side in &case.sides {
            (side.run)(bench)?;
        }
    }
    for round in 0..rounds {
        for turn in 0..case.sides.len() {
            let index = (round + turn) % case.sides.len();
            let side = &case.sides[index];
            let value = (side.run)(bench)?;
            eprintln!("{} · {}: {}", case.name, side.name, case.unit.format(value));
            runs[index].push(value);
        }
    }
    let figures: Vec<Figure> = case
        .sides
        .iter()
        .zip(runs)
        .map(|(side, runs)| figure(side.name, runs))
        .collect();
    let ratios = case
        .floors
        .iter()
        .map(|floor| Ratio {
            floor: *floor,
            ratio: median_of(&figures, floor.side) / median_of(&figures, floor.peer),
        })
        .collect();
    Ok(Result {
        name: case.name,
        what: case.what,
        unit: case.unit,
        figures,
        ratios,
    })
}

fn figure(side: &'static str, mut runs: Vec<f64>) -> Figure {
    runs.sort_by(f64::total_cmp);
    let middle = runs.len() / 2;
    let median = if runs.len() % 2 == 1 {
        runs[middle]
    } else {
        f64::midpoint(runs[middle - 1], runs[middle])
    };
    Figure {
        side,
        median,
        least: runs[0],
        most: runs[runs.len() - 1],
    }
}

fn median_of(figures: &[Figure], side: &str) -> f64 {
    let figure = figures.iter().find(|figure| figure.side == side);
    figure.map_or(f64::NAN, |figure| figure.median)
}
