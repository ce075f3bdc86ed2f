//! Curves and measured points against any quantity, on linear or logarithmic axes: convergence, reflection over angles,
//! traces, tolerances.
//!
//! Each labelled series is named at its own right end, so that nothing has to be looked up; where that would take too much
//! of a narrow page, or where repetitions are drawn as dots, a legend above takes over. Marks differ in shape as well as in colour.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::{Figure, csv_text, finite, not_negative, same, short, some, with_unit};
use crate::axis::Axis;
use crate::canvas::{self, Area, CENTIMETRE, Metrics, Rect, Svg, clean, stroke};
use crate::chart::{self, Grid, Legend, Margins, Swatch};
use crate::error::Result;
use crate::style::{FigureStyle, MUTED, Tone, series};

mod labels;
pub(crate) mod marks;

use labels::EndLabels;

/// How values of an axis become places on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AxisScale {
    /// Equal differences, equal distances.
    #[default]
    Linear,
    /// Equal ratios, equal distances; values must not be negative, and 0 is drawn at the lower end.
    Logarithmic,
}

/// What an axis of [`Lines`] shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LinesAxis {
    /// The quantity.
    pub quantity: String,
    /// Its unit; empty for none.
    pub unit: String,
    /// Its scale.
    pub scale: AxisScale,
}

/// How the values of a series are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LineMark {
    /// A line.
    #[default]
    Line,
    /// A broken line: theory, a tolerance, a declared order.
    Dashed,
    /// Points: what was measured.
    Points,
    /// Points joined by a line.
    LineAndPoints,
    /// Small points: repetitions that another series sums up.
    Dots,
}

/// Colour of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineColour {
    /// Colour and shape of mark number so-and-so; series that belong together share a number.
    Palette(usize),
    /// Grey, for what others are compared with.
    Grey,
}

/// A curve or a set of points.
#[derive(Debug, Clone, PartialEq)]
pub struct LineSeries {
    /// Its name; empty for a companion of another series, which is then not named in the figure.
    pub label: String,
    /// Abscissae.
    pub x: Vec<f64>,
    /// Ordinates, as many.
    pub y: Vec<f64>,
    /// How it is drawn.
    pub mark: LineMark,
    /// Its colour.
    pub colour: LineColour,
}

/// The figure.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lines {
    /// Stem of the files.
    pub name: String,
    /// Title for readers who do not see the figure.
    pub title: String,
    /// The abscissa.
    pub x: LinesAxis,
    /// The ordinate.
    pub y: LinesAxis,
    /// The series; later ones are drawn over earlier ones.
    pub series: Vec<LineSeries>,
    /// How to read the marks, in a small voice above the figure; may be empty.
    pub note: String,
}

/// Points of a series that say what they are; in longer ones they would lie on each other.
const MOST_TARGETS: usize = 100;

/// Values beyond which an ordinate of the same series is not told in [`Lines::alt_text`].
const MOST_TOLD: usize = 8;

impl LineMark {
    /// Every mark.
    pub(crate) const ALL: [Self; 5] = [
        Self::Line,
        Self::Dashed,
        Self::Points,
        Self::LineAndPoints,
        Self::Dots,
    ];

    /// What it is called in the CSV.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Dashed => "broken line",
            Self::Points => "points",
            Self::LineAndPoints => "line and points",
            Self::Dots => "dots",
        }
    }
}

impl LineColour {
    /// What it is called in the CSV.
    fn name(self) -> String {
        match self {
            Self::Palette(index) => index.to_string(),
            Self::Grey => "grey".to_owned(),
        }
    }

    fn tone(self) -> Tone {
        match self {
            Self::Palette(index) => series(index),
            Self::Grey => MUTED,
        }
    }

    fn shape(self) -> usize {
        match self {
            Self::Palette(index) => index,
            Self::Grey => 0,
        }
    }
}

impl LinesAxis {
    /// A linear axis.
    pub fn linear(quantity: &str, unit: &str) -> Self {
        Self {
            quantity: quantity.into(),
            unit: unit.into(),
            scale: AxisScale::Linear,
        }
    }

    /// A logarithmic axis.
    pub fn logarithmic(quantity: &str, unit: &str) -> Self {
        Self {
            scale: AxisScale::Logarithmic,
            ..Self::linear(quantity, unit)
        }
    }

    fn title(&self) -> String {
        with_unit(&self.quantity, &self.unit)
    }

    fn check(&self, figure: &str, what: &str, values: &[f64]) -> Result<()> {
        finite(figure, what, &ndarray::aview1(values))?;
        match self.scale {
            AxisScale::Linear => Ok(()),
            AxisScale::Logarithmic => not_negative(figure, what, values),
        }
    }

    fn axis(&self, values: impl Iterator<Item = f64> + Clone, ticks: usize) -> Axis {
        match self.scale {
            AxisScale::Logarithmic => Axis::logarithmic(&self.title(), values),
            AxisScale::Linear => {
                let ends = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
                    (low.min(v), high.max(v))
                });
                Axis::linear(&self.quantity, &self.unit, ends, ticks)
            }
        }
    }
}

impl Lines {
    fn check(&self) -> Result<()> {
        let name = &self.name;
        some(name, "`series`", &self.series, "give at least one series")?;
        for LineSeries { label, x, y, .. } in &self.series {
            let what = |part: &str| format!("series `{label}`, {part}");
            some(name, &what("x"), x, "give at least one value")?;
            same(name, &what("y"), y.len(), x.len())?;
            self.x.check(name, &what("x"), x)?;
            self.y.check(name, &what("y"), y)?;
        }
        Ok(())
    }

    fn repeats(&self) -> bool {
        self.series.iter().any(|one| one.mark == LineMark::Dots)
    }

    fn labelled(&self) -> impl Iterator<Item = &LineSeries> {
        self.series.iter().filter(|series| !series.label.is_empty())
    }

    fn legend(&self, metrics: &Metrics, width: i32, with_entries: bool) -> Legend {
        let entries = self.labelled().filter(|_| with_entries).map(|series| {
            let (tone, shape) = (series.colour.tone(), series.colour.shape());
            let swatch = match series.mark {
                LineMark::Points if self.repeats() => Swatch::Mark {
                    tone,
                    shape,
                    joined: false,
                },
                LineMark::LineAndPoints if self.repeats() => Swatch::Mark {
                    tone,
                    shape,
                    joined: true,
                },
                LineMark::Line | LineMark::LineAndPoints => Swatch::Line(tone),
                LineMark::Dashed => Swatch::Dashed(tone),
                LineMark::Points | LineMark::Dots => Swatch::Dot(tone),
            };
            (swatch, series.label.as_str())
        });
        Legend::new(metrics, width, entries, &self.note)
    }
}

impl Figure for Lines {
    fn name(&self) -> &str {
        &self.name
    }

    fn render(&self, style: &FigureStyle) -> Result<Svg> {
        self.check()?;
        let metrics = Metrics::new(style)?;
        let ticks = if style.width_cm < 12.0 { 5 } else { 8 };
        let x = self
            .x
            .axis(self.series.iter().flat_map(|s| s.x.iter().copied()), ticks);
        let y = self
            .y
            .axis(self.series.iter().flat_map(|s| s.y.iter().copied()), 6);
        let margins = Margins::of(&metrics, &x, &y);
        let height = ((0.6 * style.width_cm).min(7.5) * CENTIMETRE) as i32;
        // among repetitions a name at an end could be that of any of them: a legend tells marks apart
        let right = match self.repeats() {
            true => None,
            false => EndLabels::room(&metrics, self.labelled(), height),
        };
        let width = metrics.width - margins.left - right.unwrap_or(0).max(metrics.ems(1.2));
        let legend = self.legend(
            &metrics,
            metrics.width - margins.left - metrics.ems(1.2),
            right.is_none(),
        );
        let plot = Rect {
            left: margins.left,
            top: legend.height + metrics.ems(0.4),
            width,
            height,
        };
        canvas::page(
            style,
            plot.bottom() + margins.bottom,
            &self.title,
            &self.alt_text(),
            |area, images| {
                legend.draw(area, (plot.left, 0))?;
                let mut chart =
                    chart::axes(area, &metrics, plot, margins, (&x, &y), Grid::Horizontal)?;
                let mut ends = EndLabels::default();
                for (number, series) in self.series.iter().enumerate() {
                    let points: Vec<(f64, f64)> = series
                        .x
                        .iter()
                        .zip(&series.y)
                        .map(|(at, value)| (x.position(*at), y.position(*value)))
                        .collect();
                    let (tone, shape) = (series.colour.tone(), series.colour.shape());
                    match series.mark {
                        LineMark::Line | LineMark::LineAndPoints => {
                            let line = plotters::series::LineSeries::new(
                                points.clone(),
                                stroke(tone, 1.1),
                            );
                            chart.draw_series(line)?;
                        }
                        LineMark::Dashed => {
                            chart.draw_series(DashedLineSeries::new(
                                points.clone(),
                                metrics.ems(0.5),
                                metrics.ems(0.4),
                                stroke(tone, 0.8),
                            ))?;
                        }
                        LineMark::Points | LineMark::Dots => {}
                    }
                    let places: Vec<(i32, i32)> = points
                        .iter()
                        .map(|point| chart.backend_coord(point))
                        .collect();
                    if matches!(series.mark, LineMark::Points | LineMark::LineAndPoints) {
                        for place in &places {
                            marks::draw(area, &metrics, *place, tone, shape)?;
                        }
                    }
                    if series.mark == LineMark::Dots {
                        for place in &places {
                            marks::dot(area, &metrics, *place, tone)?;
                        }
                    }
                    let joined = !matches!(series.mark, LineMark::Points | LineMark::Dots);
                    ends.add(&metrics, &places, joined, tone, &series.label);
                    if !matches!(series.mark, LineMark::Line | LineMark::Dashed) {
                        for (point, place) in places.iter().enumerate().take(MOST_TARGETS) {
                            images.target(*place, metrics.ems(0.7), &self.words(number, point));
                        }
                    }
                }
                if right.is_some() {
                    ends.draw(area, &metrics, plot)?;
                }
                Ok(())
            },
        )
    }

    fn csv(&self) -> Result<String> {
        self.check()?;
        let header = [
            "series".to_owned(),
            self.x.title(),
            self.y.title(),
            "mark".into(),
            "colour".into(),
            "axes".into(),
        ];
        let logarithmic = |axis: &LinesAxis| axis.scale == AxisScale::Logarithmic;
        let axes = match (logarithmic(&self.x), logarithmic(&self.y)) {
            (false, false) => "linear",
            (true, false) => "logarithmic x",
            (false, true) => "logarithmic y",
            (true, true) => "logarithmic x and y",
        };
        let rows = self.series.iter().enumerate().flat_map(|(place, series)| {
            let label = self.told(place);
            let points = series.x.iter().zip(&series.y);
            points.map(move |(x, y)| {
                vec![
                    label.clone(),
                    x.to_string(),
                    y.to_string(),
                    series.mark.name().into(),
                    series.colour.name(),
                    axes.into(),
                ]
            })
        });
        csv_text(&header, rows)
    }

    fn alt_text(&self) -> String {
        let told: Vec<String> = self
            .labelled()
            .take(MOST_TOLD)
            .filter_map(|series| {
                let (first, last) = (series.y.first()?, series.y.last()?);
                Some(format!(
                    "{} from {} to {}",
                    series.label,
                    short(*first),
                    short(*last)
                ))
            })
            .collect();
        let others = self.labelled().count().saturating_sub(MOST_TOLD);
        let rest = if others > 0 {
            format!("; and {others} more")
        } else {
            String::new()
        };
        format!(
            "{} against {}: {}{rest}.",
            self.y.title(),
            self.x.title(),
            told.join("; ")
        )
    }
}

impl Lines {
    /// A point in words.
    fn words(&self, number: usize, point: usize) -> String {
        let one = &self.series[number];
        let with = |axis: &LinesAxis, value: f64| {
            format!("{} {} {}", axis.quantity, short(value), axis.unit)
                .trim_end()
                .to_owned()
        };
        format!(
            "{}: {}, {}",
            self.told(number),
            with(&self.x, one.x[point]),
            with(&self.y, one.y[point])
        )
    }

    /// The name of a series in the CSV: its own, or that of the last named one of its colour with what it is.
    fn told(&self, place: usize) -> String {
        let series = &self.series[place];
        if !series.label.is_empty() {
            return series.label.clone();
        }
        let companion = self.labelled().find(|other| other.colour == series.colour);
        let what = match series.mark {
            LineMark::Dashed => "broken line",
            LineMark::Line => "line",
            LineMark::Points | LineMark::LineAndPoints => "points",
            LineMark::Dots => "repetitions",
        };
        companion.map_or_else(
            || format!("{what} {place}"),
            |other| format!("{}, {what}", other.label),
        )
    }
}

/// Text left of centre height.
fn middle(metrics: &Metrics) -> TextStyle<'static> {
    metrics.ink((HPos::Left, VPos::Center))
}

/// A label as it can be drawn.
fn drawn(metrics: &Metrics, label: &str, width: i32) -> String {
    metrics.fit(&clean(label), width)
}

/// A straight piece of `points` pt.
fn piece(area: &Area<'_>, ends: [(i32, i32); 2], tone: Tone, points: f64) -> Result<()> {
    Ok(area.draw(&PathElement::new(ends, stroke(tone, points)))?)
}
