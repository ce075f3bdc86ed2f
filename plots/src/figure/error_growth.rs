//! How the error of each model grows over a rollout.
//!
//! For each model the median over trajectories (line), the range from the 10 % to the 90 % quantile (band) and the worst
//! trajectory at each step (thin line), on a logarithmic axis; baselines such as persistence as broken lines. What is not
//! finite (a diverged rollout) is drawn at the top, and the legend says so.

use ndarray::Array2;
use plotters::prelude::*;

use super::{Figure, csv_text, not_negative, same, short, some, with_not_finite, with_unit};
use crate::axis::Axis;
use crate::canvas::{self, CENTIMETRE, Metrics, Rect, Svg, stroke};
use crate::chart::{self, Grid, Legend, Margins, Swatch};
use crate::error::Result;
use crate::statistics::Summary;
use crate::style::{FigureStyle, MUTED, Tone, series};

/// With more models than this, bands would hide each other and are left out.
const MOST_BANDS: usize = 4;

/// One model's errors.
#[derive(Debug, Clone)]
pub struct ErrorSeries {
    /// Name of the model.
    pub label: String,
    /// Error (trajectory, step), not negative; NaN or infinite where the rollout has diverged.
    pub values: Array2<f64>,
}

/// A known quantity to compare with, e.g. persistence.
#[derive(Debug, Clone)]
pub struct Baseline {
    /// Its name.
    pub label: String,
    /// Its (median) error at each step, not negative.
    pub values: Vec<f64>,
}

/// The figure.
#[derive(Debug, Clone)]
pub struct ErrorGrowth {
    /// Stem of the files.
    pub name: String,
    /// The error measure, e.g. `relative L2 error`; it has no unit.
    pub metric: String,
    /// The abscissa: `time` or `rollout step`.
    pub x_quantity: String,
    /// Its unit, e.g. `s`; may be empty.
    pub x_unit: String,
    /// Its ascending values, one per step.
    pub x: Vec<f64>,
    /// The models.
    pub series: Vec<ErrorSeries>,
    /// Lines to compare with.
    pub baselines: Vec<Baseline>,
}

impl ErrorGrowth {
    fn check(&self) -> Result<()> {
        let name = &self.name;
        some(name, "`x`", &self.x, "give at least one step")?;
        some(name, "`series`", &self.series, "give at least one model")?;
        super::finite(name, "`x`", &ndarray::aview1(&self.x))?;
        for ErrorSeries { label, values } in &self.series {
            let what = format!("series `{label}`");
            some(
                name,
                &what,
                &vec![(); values.nrows()],
                "give at least one trajectory",
            )?;
            same(name, &what, values.ncols(), self.x.len())?;
            for (trajectory, row) in values.outer_iter().enumerate() {
                not_negative(
                    name,
                    &format!("{what}, trajectory {trajectory}"),
                    &row.to_vec(),
                )?;
            }
        }
        for Baseline { label, values } in &self.baselines {
            let what = format!("baseline `{label}`");
            same(name, &what, values.len(), self.x.len())?;
            not_negative(name, &what, values)?;
        }
        Ok(())
    }

    /// Per model and step the summary over trajectories.
    fn summaries(&self) -> Vec<Vec<Summary>> {
        self.series
            .iter()
            .map(|s| {
                s.values
                    .columns()
                    .into_iter()
                    .filter_map(|c| Summary::of(c.iter().copied()))
                    .collect()
            })
            .collect()
    }
}

impl Figure for ErrorGrowth {
    fn name(&self) -> &str {
        &self.name
    }

    fn render(&self, style: &FigureStyle) -> Result<Svg> {
        self.check()?;
        let metrics = Metrics::new(style)?;
        let summaries = self.summaries();
        let bands = self.series.len() <= MOST_BANDS;
        let shown = summaries
            .iter()
            .flatten()
            .flat_map(|s| [s.worst, s.median, if bands { s.q10 } else { s.median }]);
        let y = Axis::logarithmic(
            &self.metric,
            shown.chain(self.baselines.iter().flat_map(|b| b.values.iter().copied())),
        );
        let (first, last) = (self.x[0], self.x[self.x.len() - 1]);
        // The rollout starts at zero, where the error is zero and has no place on a logarithmic axis.
        let ends = (
            if (0.0..0.2 * last).contains(&first) {
                0.0
            } else {
                first
            },
            last,
        );
        let x = Axis::linear(
            &self.x_quantity,
            &self.x_unit,
            ends,
            if style.width_cm < 12.0 { 6 } else { 10 },
        );
        let margins = Margins::of(&metrics, &x, &y);

        let most = self
            .series
            .iter()
            .map(|s| s.values.nrows())
            .max()
            .unwrap_or(0);
        let note = match (most, bands) {
            (1, _) => "one trajectory".to_owned(),
            (n, true) => {
                format!("line: median of {n} trajectories; band: 10–90 %; thin line: worst")
            }
            (n, false) => format!("line: median of {n} trajectories; thin line: worst"),
        };
        let note = with_not_finite(&note, self.series.iter().flat_map(|s| &s.values));
        let models = self
            .series
            .iter()
            .enumerate()
            .map(|(i, s)| (Swatch::Line(series(i)), s.label.as_str()));
        let baselines = self
            .baselines
            .iter()
            .enumerate()
            .map(|(i, b)| (Swatch::Dashed(self.baseline_tone(i)), b.label.as_str()));
        let width = metrics.width - margins.left - metrics.ems(1.0);
        let legend = Legend::new(&metrics, width, models.chain(baselines), &note);
        let plot = Rect {
            left: margins.left,
            top: legend.height + metrics.ems(0.4),
            width,
            height: ((0.55 * style.width_cm).min(6.5) * CENTIMETRE) as i32,
        };
        let title = format!("Growth of the {}", self.metric);
        canvas::page(
            style,
            plot.bottom() + margins.bottom,
            &title,
            &self.alt_text(),
            |area, _| {
                legend.draw(area, (plot.left, 0))?;
                let mut chart =
                    chart::axes(area, &metrics, plot, margins, (&x, &y), Grid::Horizontal)?;
                let line = |value: &dyn Fn(usize) -> f64| -> Vec<(f64, f64)> {
                    self.x
                        .iter()
                        .enumerate()
                        .map(|(k, at)| (x.position(*at), y.position(value(k))))
                        .collect()
                };
                // A single step has no length to draw a line along.
                let dots = self.x.len() == 1;
                for (i, steps) in summaries.iter().enumerate().filter(|_| bands) {
                    let mut outline = line(&|k| steps[k].q10);
                    outline.extend(line(&|k| steps[k].q90).into_iter().rev());
                    chart
                        .draw_series([Polygon::new(outline, series(i).light.mix(0.16).filled())])?;
                }
                for (i, baseline) in self.baselines.iter().enumerate() {
                    let mut points = line(&|k| baseline.values[k]);
                    if dots {
                        points = vec![(x.range.0, points[0].1), (x.range.1, points[0].1)];
                    }
                    let broken = stroke(self.baseline_tone(i), 0.9);
                    chart.draw_series(DashedLineSeries::new(
                        points,
                        metrics.ems(0.6),
                        metrics.ems(0.5),
                        broken,
                    ))?;
                }
                for (i, steps) in summaries.iter().enumerate() {
                    let (median, worst) = (line(&|k| steps[k].median), line(&|k| steps[k].worst));
                    if dots {
                        let dot =
                            |p: &(f64, f64), size, style| Circle::new(*p, metrics.ems(size), style);
                        chart.draw_series(
                            median
                                .iter()
                                .map(|p| dot(p, 0.32, series(i).light.filled())),
                        )?;
                        chart.draw_series(
                            worst.iter().map(|p| dot(p, 0.32, stroke(series(i), 0.6))),
                        )?;
                    } else {
                        chart.draw_series(LineSeries::new(worst, stroke(series(i), 0.5)))?;
                        chart.draw_series(LineSeries::new(median, stroke(series(i), 1.3)))?;
                    }
                }
                Ok(())
            },
        )
    }

    fn csv(&self) -> Result<String> {
        self.check()?;
        let x = with_unit(&self.x_quantity, &self.x_unit);
        let header = ["model", &x, "trajectory", &self.metric].map(str::to_owned);
        let models = self.series.iter().flat_map(|s| {
            s.values.indexed_iter().map(|((trajectory, step), value)| {
                vec![
                    s.label.clone(),
                    self.x[step].to_string(),
                    trajectory.to_string(),
                    value.to_string(),
                ]
            })
        });
        let baselines = self.baselines.iter().flat_map(|b| {
            b.values.iter().zip(&self.x).map(|(value, x)| {
                vec![
                    b.label.clone(),
                    x.to_string(),
                    String::new(),
                    value.to_string(),
                ]
            })
        });
        csv_text(&header, models.chain(baselines))
    }

    fn alt_text(&self) -> String {
        let last = self.x.last().copied().unwrap_or(0.0);
        let mut text = format!(
            "{} against {}. At {} ",
            self.metric,
            self.x_quantity,
            short(last)
        );
        text.push_str(&self.x_unit);
        text.push_str(": ");
        let ends: Vec<String> = self
            .series
            .iter()
            .zip(self.summaries())
            .filter_map(|(s, steps)| {
                let end = steps.last()?;
                Some(format!(
                    "{} median {}, worst {}",
                    s.label,
                    short(end.median),
                    short(end.worst)
                ))
            })
            .collect();
        text.push_str(&ends.join("; "));
        text.push('.');
        text
    }
}

impl ErrorGrowth {
    /// Grey for the first baseline, then the colours that the models leave.
    fn baseline_tone(&self, index: usize) -> Tone {
        index
            .checked_sub(1)
            .map_or(MUTED, |later| series(self.series.len() + later))
    }
}
