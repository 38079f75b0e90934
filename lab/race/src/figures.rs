//! From runs to figures: the sides take turns, the median counts, the floors judge.

use crate::{
    bench::Bench,
    cases::{Case, Floor, Unit},
};

/// What one side did.
#[derive(Clone, Debug)]
pub struct Figure {
    pub name: &'static str,
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

/// What is asked of a figure, and what it is: its median, or how many times its peer's.
#[derive(Clone, Debug)]
pub struct Judged {
    pub floor: Floor,
    pub value: f64,
}

#[derive(Clone, Debug)]
pub struct Result {
    pub name: &'static str,
    pub what: &'static str,
    pub unit: Unit,
    /// How often each side ran.
    pub rounds: usize,
    pub figures: Vec<Figure>,
    pub judged: Vec<Judged>,
}

impl Result {
    pub fn holds(&self) -> bool {
        self.judged.iter().all(Judged::holds)
    }
}

impl Judged {
    pub fn holds(&self) -> bool {
        self.floor.bound.holds(self.value)
    }
}

/// Runs each side so often, in turns, so that a machine whose speed drifts is fair to all; there and back,
/// so that none always comes after the same one.
pub fn measure(case: &Case, bench: &mut Bench, rounds: usize) -> anyhow::Result<Result> {
    let mut runs: Vec<Vec<Vec<f64>>> = vec![Vec::new(); case.sides.len()];
    if rounds > 1 {
        for side in &case.sides {
            (side.run)(bench)?;
        }
    }
    for round in 0..rounds {
        let mut order: Vec<usize> = (0..case.sides.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for index in order {
            let side = &case.sides[index];
            let values = (side.run)(bench)?;
            for (name, value) in side.figures.iter().zip(&values) {
                eprintln!("{} · {name}: {}", case.name, case.unit.format(*value));
            }
            runs[index].push(values);
        }
    }
    let mut figures = Vec::new();
    for (side, runs) in case.sides.iter().zip(runs) {
        for (index, name) in side.figures.iter().enumerate() {
            figures.push(figure(name, runs.iter().map(|run| run[index]).collect()));
        }
    }
    let judged = case
        .floors
        .iter()
        .map(|floor| Judged {
            floor: *floor,
            value: median_of(&figures, floor.figure)
                / floor.peer.map_or(1.0, |peer| median_of(&figures, peer)),
        })
        .collect();
    Ok(Result {
        name: case.name,
        what: case.what,
        unit: case.unit,
        rounds,
        figures,
        judged,
    })
}

fn figure(name: &'static str, mut runs: Vec<f64>) -> Figure {
    runs.sort_by(f64::total_cmp);
    let middle = runs.len() / 2;
    let median = if runs.len() % 2 == 1 {
        runs[middle]
    } else {
        f64::midpoint(runs[middle - 1], runs[middle])
    };
    Figure {
        name,
        median,
        least: runs[0],
        most: runs[runs.len() - 1],
    }
}

fn median_of(figures: &[Figure], name: &str) -> f64 {
    let figure = figures.iter().find(|figure| figure.name == name);
    figure.map_or(f64::NAN, |figure| figure.median)
}
