//! Marks of equal weight and different shape, so that series can be told apart without colour.

use plotters::prelude::*;

use crate::canvas::{Area, Metrics};
use crate::error::Result;
use crate::style::Tone;

/// Corners of the shapes about the centre, in units of half their size; the disc comes first and has none.
const SHAPES: [&[(f64, f64)]; 5] = [
    &[],
    &[(-0.88, -0.88), (0.88, -0.88), (0.88, 0.88), (-0.88, 0.88)],
    &[(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)],
    &[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)],
    &[(0.0, 1.2), (1.1, -0.8), (-1.1, -0.8)],
];

/// Draws mark number `shape` at a place on the page.
pub(crate) fn draw(
    area: &Area<'_>,
    metrics: &Metrics,
    (x, y): (i32, i32),
    tone: Tone,
    shape: usize,
) -> Result<()> {
    let size = 0.27;
    let fill = tone.light.filled();
    let corners = SHAPES[shape % SHAPES.len()];
    if corners.is_empty() {
        area.draw(&Circle::new((x, y), metrics.ems(size), fill))?;
        return Ok(());
    }
    let outline: Vec<(i32, i32)> = corners
        .iter()
        .map(|(dx, dy)| (x + metrics.ems(dx * size), y + metrics.ems(dy * size)))
        .collect();
    area.draw(&Polygon::new(outline, fill))?;
    Ok(())
}

/// Draws a small dot at a place on the page.
pub(super) fn dot(area: &Area<'_>, metrics: &Metrics, place: (i32, i32), tone: Tone) -> Result<()> {
    area.draw(&Circle::new(place, metrics.ems(0.13), tone.light.filled()))?;
    Ok(())
}
