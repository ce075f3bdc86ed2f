//! Axes, grid and legend around a rectangle of the page, shared by all figures.

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use crate::axis::Axis;
use crate::canvas::{Area, Metrics, POINT, Rect, clean, stroke};
use crate::error::Result;
use crate::figure::marks;
use crate::style::{GRID, INK, MUTED, Tone};

/// A chart whose both coordinates are positions on an [`Axis`].
pub(crate) type Chart<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<Positions, Positions>>;

/// The linear coordinate of an axis, with that axis' own ticks.
pub(crate) struct Positions {
    range: (f64, f64),
    ticks: Vec<f64>,
}

impl From<&Axis> for Positions {
    fn from(axis: &Axis) -> Self {
        Self {
            range: axis.range,
            ticks: axis.ticks.clone(),
        }
    }
}

impl Ranged for Positions {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, position: &f64, (first, last): (i32, i32)) -> i32 {
        let share = (position - self.range.0) / (self.range.1 - self.range.0);
        first + (share * f64::from(last - first)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // There are no minor ticks, for which plotters asks separately.
        if hint.weight().allow_light_points() {
            Vec::new()
        } else {
            self.ticks.clone()
        }
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.range.0..self.range.1
    }
}

/// Which grid lines are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grid {
    None,
    Horizontal,
    Vertical,
}

/// Room that axis text needs beside the plotting rectangle.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Margins {
    pub(crate) left: i32,
    pub(crate) bottom: i32,
}

/// Length of a tick.
const TICK: f64 = 2.0 * POINT;

impl Margins {
    /// Room for the ticks' labels and titles of `x` and `y`.
    pub(crate) fn of(metrics: &Metrics, x: &Axis, y: &Axis) -> Self {
        let line = |text: bool, ems: f64| if text { metrics.ems(ems) } else { 0 };
        let widest = y
            .labels
            .iter()
            .map(|label| metrics.text_width(label))
            .max()
            .unwrap_or(0);
        let numbers = x.labels.iter().any(|label| !label.is_empty());
        Self {
            left: 2 * TICK as i32 + widest + line(!y.title.is_empty(), 1.5) + metrics.ems(0.2),
            bottom: 2 * TICK as i32 + line(numbers, 0.9) + line(!x.title.is_empty(), 1.5),
        }
    }
}

/// Draws axes so that the plotting rectangle is exactly `plot`, text outside it.
pub(crate) fn axes<'a>(
    area: &Area<'a>,
    metrics: &Metrics,
    plot: Rect,
    margins: Margins,
    (x, y): (&Axis, &Axis),
    grid: Grid,
) -> Result<Chart<'a>> {
    let outer = area.clone().shrink(
        (plot.left - margins.left, plot.top),
        (plot.width + margins.left, plot.height + margins.bottom),
    );
    let mut chart = ChartBuilder::on(&outer)
        .x_label_area_size(margins.bottom)
        .y_label_area_size(margins.left)
        .build_cartesian_2d(Positions::from(x), Positions::from(y))?;
    let text = metrics.ink((HPos::Left, VPos::Top));
    let mut mesh = chart.configure_mesh();
    if grid != Grid::Vertical {
        mesh.disable_x_mesh();
    }
    if grid != Grid::Horizontal {
        mesh.disable_y_mesh();
    }
    mesh.bold_line_style(stroke(GRID, 0.4))
        .light_line_style(TRANSPARENT)
        .axis_style(stroke(INK, 0.6))
        .label_style(text)
        .set_all_tick_mark_size(TICK as i32)
        .x_label_formatter(&|position| x.label_at(*position))
        .y_label_formatter(&|position| y.label_at(*position))
        .draw()?;
    // plotters centres titles on the chart with its margins; these are centred on the plotting rectangle.
    let (across, middle) = plot.centre();
    if !x.title.is_empty() {
        let below = (across, plot.bottom() + margins.bottom - metrics.ems(0.3));
        area.draw_text(
            &clean(&x.title),
            &metrics.ink((HPos::Center, VPos::Bottom)),
            below,
        )?;
    }
    if !y.title.is_empty() {
        let title = metrics.fit(&clean(&y.title), plot.height + margins.bottom);
        area.draw_text(
            &title,
            &metrics.upwards(),
            (plot.left - margins.left + metrics.ems(0.65), middle),
        )?;
    }
    Ok(chart)
}

/// The little picture beside a legend's label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Swatch {
    /// A line.
    Line(Tone),
    /// A broken line.
    Dashed(Tone),
    /// A disc.
    Dot(Tone),
    /// A mark of a shape, on a line or not.
    Mark {
        tone: Tone,
        shape: usize,
        joined: bool,
    },
}

/// A legend laid out in rows above a chart.
pub(crate) struct Legend {
    entries: Vec<(Swatch, String, i32, i32)>,
    notes: Vec<String>,
    metrics: Metrics,
    /// Height in units.
    pub(crate) height: i32,
}

impl Legend {
    /// Breaks `entries` into rows of at most `width` units; `note` says how to read the marks, in a smaller voice below them.
    pub(crate) fn new<'l>(
        metrics: &Metrics,
        width: i32,
        entries: impl IntoIterator<Item = (Swatch, &'l str)>,
        note: &str,
    ) -> Self {
        let (swatch, gap, line) = (metrics.ems(2.0), metrics.ems(1.4), metrics.ems(1.5));
        let (mut x, mut y) = (0, 0);
        let mut placed = Vec::new();
        for (mark, label) in entries {
            let label = metrics.fit(&clean(label), width - swatch);
            let needed = swatch + metrics.text_width(&label);
            if x > 0 && x + needed > width {
                (x, y) = (0, y + line);
            }
            placed.push((mark, label, x, y));
            x += needed + gap;
        }
        let notes = wrap(metrics, note, width);
        let rows = if placed.is_empty() { 0 } else { y / line + 1 } + notes.len() as i32;
        Self {
            entries: placed,
            notes,
            metrics: *metrics,
            height: rows * line + metrics.ems(0.5),
        }
    }

    /// Draws with the upper left corner at `(left, top)`.
    pub(crate) fn draw(&self, area: &Area<'_>, (left, top): (i32, i32)) -> Result<()> {
        let (metrics, line) = (&self.metrics, self.metrics.ems(1.5));
        let (swatch, middle) = (metrics.ems(1.6), line / 2);
        let mut bottom = top;
        for (mark, label, x, y) in &self.entries {
            let (x, y) = (left + x, top + y + middle);
            bottom = y + middle;
            match *mark {
                Swatch::Line(tone) => {
                    area.draw(&PathElement::new(
                        [(x, y), (x + swatch, y)],
                        stroke(tone, 1.2),
                    ))?;
                }
                Swatch::Dashed(tone) => {
                    for piece in 0..3 {
                        let start = x + piece * swatch * 2 / 5;
                        let dash = [(start, y), (start + swatch / 5, y)];
                        area.draw(&PathElement::new(dash, stroke(tone, 0.9)))?;
                    }
                }
                Swatch::Mark {
                    tone,
                    shape,
                    joined,
                } => {
                    if joined {
                        let line = [(x, y), (x + swatch, y)];
                        area.draw(&PathElement::new(line, stroke(tone, 1.1)))?;
                    }
                    marks::draw(area, metrics, (x + swatch / 2, y), tone, shape)?;
                }
                Swatch::Dot(tone) => {
                    area.draw(&Circle::new(
                        (x + swatch / 2, y),
                        metrics.ems(0.32),
                        tone.light.filled(),
                    ))?;
                }
            }
            let text = metrics.ink((HPos::Left, VPos::Center));
            area.draw_text(label, &text, (x + metrics.ems(2.0), y))?;
        }
        let text = metrics.text(MUTED, (HPos::Left, VPos::Center));
        for (row, note) in self.notes.iter().enumerate() {
            area.draw_text(note, &text, (left, bottom + row as i32 * line + middle))?;
        }
        Ok(())
    }
}

/// Breaks `text` at spaces into lines of at most `width` units.
pub(crate) fn wrap(metrics: &Metrics, text: &str, width: i32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if metrics.text_width(&format!("{line} {word}")) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(metrics.fit(word, width)),
        }
    }
    lines
}
