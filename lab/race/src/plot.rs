//! A case as a picture: a bar for each side, with its spread.

use std::path::Path;

use plotters::prelude::*;

use crate::figures::{Figure, Result};

const WIDTH: u32 = 720;
const BAR: u32 = 34;
const LABELS: i32 = 230;
const OURS: RGBColor = RGBColor(32, 96, 160);
const PEERS: RGBColor = RGBColor(168, 172, 178);
const TEXT: RGBColor = RGBColor(40, 40, 40);

/// Draws the medians of a case.
pub fn draw(result: &Result, file: &Path) -> anyhow::Result<()> {
    let height = BAR * u32::try_from(result.figures.len())? + 16;
    let area = SVGBackend::new(file, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let most = result
        .figures
        .iter()
        .map(|figure| figure.most)
        .fold(f64::MIN_POSITIVE, f64::max);
    let room = f64::from(i32::try_from(WIDTH)? - LABELS - 130);
    let width = |value: f64| LABELS + pixels(value / most * room);
    let font = ("sans-serif", 14).into_font().color(&TEXT);
    for (index, figure) in result.figures.iter().enumerate() {
        let top = 8 + i32::try_from(index)? * i32::try_from(BAR)?;
        let bottom = top + 24;
        area.draw(&Text::new(figure.name, (8, top + 5), font.clone()))?;
        let bar = [(LABELS, top), (width(figure.median), bottom)];
        area.draw(&Rectangle::new(bar, color(figure).filled()))?;
        let middle = i32::midpoint(top, bottom);
        let spread = vec![(width(figure.least), middle), (width(figure.most), middle)];
        area.draw(&PathElement::new(spread, TEXT))?;
        let value = result.unit.format(figure.median);
        area.draw(&Text::new(
            value,
            (width(figure.most) + 8, top + 5),
            font.clone(),
        ))?;
    }
    Ok(area.present()?)
}

/// Ours stand out where there are others.
fn color(figure: &Figure) -> RGBColor {
    if figure.name.starts_with("ours") {
        OURS
    } else {
        PEERS
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a picture is not that large"
)]
fn pixels(length: f64) -> i32 {
    length.round() as i32
}
